"""The recipe's parts: what is counted is right, held-out tales stay out, a killed stage goes on."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import typer

from recipes.ember import measures, names, prepare, recipe, tokens, turns
from recipes.ember.__main__ import Asked
from recipes.ember.__main__ import _stage as stage_of
from recipes.ember.ahead import Ahead
from recipes.ember.evaluate import adherence, repeated_at
from recipes.ember.kneser_ney import KneserNey, codes
from recipes.ember.muon import Muon, orthogonal
from recipes.ember.recipe import CPU, GPU, LENGTHEN, PATTERN, PRETRAIN, Shape, Stage
from recipes.ember.sources import Text
from recipes.ember.training import Trainer, create, drop
from talecraft.corpus.cleaning import tidy
from talecraft.corpus.tales import Passage, Tale

ANIMALS = "fox owl hen cat dog bear wolf mouse toad crow".split()
THINGS = "key door lamp boat ring star drum bell coin map".split()


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("bfklmprst") + rng.choice("aeiou") for _ in range(3))


def _story(seed: int) -> str:
    rng = random.Random(seed)
    return "\n\n".join(
        f"The {rng.choice(ANIMALS)} found a {_word(rng)} {rng.choice(THINGS)} by the {_word(rng)}"
        f" and ran home with the {_word(rng)} {rng.choice(ANIMALS)}. It rained."
        for _ in range(10)
    )


def _babble(seed: int) -> str:
    rng = random.Random(seed)
    return " ".join(_word(rng) for _ in range(60))


@pytest.fixture
def texts() -> list[Text]:
    return [Text("tinystories", "", "", _story(seed)) for seed in range(40)]


# ---------------------------------------------------------------------- counting
def test_kneser_ney_by_hand() -> None:
    """'abab' as bigrams: ab twice, ba once. D1 of the bigrams is 1 / (1 + 2 * 1) = 1/3; each
    unigram stands after one kind of byte, so its count is 1 and D = 2 / 2 = 1: uniform is left."""
    model = KneserNey(b"abab", order=2)
    # p(a) = p(b) = (1 - 1) / 2 + 1 * 2 / 2 * 1/256; p(b|a) = (2 - 1/3) / 2 + 1/3 * 1 / 2 * p(b)
    p_b = (2 - 1 / 3) / 2 + (1 / 3) / 2 / 256
    expected = (-math.log2(1 / 256) - math.log2(p_b)) / 2
    assert model.bits(b"ab") == pytest.approx(expected, rel=1e-9)


def test_kneser_ney_sums_to_one_after_any_context() -> None:
    model = KneserNey(_story(1).encode() * 2 + _story(2).encode(), order=5)
    for context in (b"The ", b"fox ", b"qqqq"):
        text = [context + bytes([last]) for last in range(256)]
        # the last byte's probability alone: the bits of the whole less those of the context
        total = sum(
            2 ** -(5 * model.bits(one) - 4 * model.bits(one[:4])) for one in text
        )  # fmt: skip
        assert total == pytest.approx(1.0, rel=1e-6)


def test_codes_are_runs_of_bytes() -> None:
    assert codes(b"abcd", 2).tolist() == [0x6162, 0x6263, 0x6364]


def test_repetition_is_the_share_of_four_grams_seen_before() -> None:
    assert measures.repeated("a b c d e a b c d") == pytest.approx(1 / 6)
    assert measures.repeated("a b c") == 0.0
    assert repeated_at(["a b c d e a b c d", "too short"], words=9) == [pytest.approx(1 / 6)]


def test_memory_finds_twenty_words_in_a_row_and_not_nineteen() -> None:
    words = [f"w{chr(97 + at % 26)}{chr(97 + at // 26)}" for at in range(60)]
    memory = measures.Memory([" ".join(words)])
    assert memory.holds("x " + " ".join(words[7:27]).upper())
    assert not memory.holds("x " + " ".join(words[7:26]) + " y")
    assert not memory.holds("short")


def test_bits_are_those_of_one_reading_whatever_the_windows() -> None:
    """A model that knows nothing needs log2(V) bits for every token, each counted once."""

    class Uniform:
        device = "cpu"

        def __call__(self, ids: torch.Tensor, use_cache: bool) -> object:
            return type("Out", (), {"logits": torch.zeros(1, ids.shape[1], 50)})()

    def encode(text: str) -> list[int]:
        return [ord(letter) % 50 for letter in text]

    for size in (3, 15, 16, 17, 40, 100):
        found = measures.bits(Uniform(), encode, ["x" * size], "#", window=16)
        assert found == pytest.approx(math.log2(50), rel=1e-6)


def test_adherence_against_shuffled() -> None:
    pairs = [(f"- the {a} {t}", f"A {a} and a {t}.") for a, t in zip(ANIMALS, THINGS, strict=True)]
    own, other = adherence(pairs)
    assert own == 1.0
    assert other <= 0.2


@pytest.mark.parametrize(
    ("outline", "prose", "formed"),
    [
        ("- a fox\n- a key\n", "Once.", True),
        ("- a fox\n", "Once.", False),
        ("- a fox\nkey\n", "Once.", False),
        ("- a\n- b\n- c\n- d\n- e\n", "Once.", False),
        ("- a fox\n- a key\n", " ", False),
        ("- a fox\n- a key\n", "Once. <think>", False),
    ],
)
def test_well_formed(outline: str, prose: str, formed: bool) -> None:
    assert turns.is_formed(outline, prose) is formed


# ---------------------------------------------------------------------- preparing
def test_texts_have_one_typography() -> None:
    assert tidy("“It’s—” she said -- [Illustration: a fox] ‘no’ _yes_…") == (
        "\"It's—\" she said—'no' yes..."
    )


def test_printers_capitals_become_a_sentence() -> None:
    assert tidy("THERE was once a fox") == "There was once a fox"
    assert tidy("A FOX FELL INTO a well. NO!") == "A fox fell into a well. NO!"
    assert tidy("I saw it – there") == "I saw it—there"


def test_no_tale_is_on_both_sides_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [Text("tinystories", f"t {seed}", "", _babble(seed)) for seed in range(100)]
    every += [Text("gutenberg_tales", f"tale {at % 20}", "", _babble(at)) for at in range(100, 160)]
    every += [Text("lcats_tales", f"tale {at % 20}", "", _babble(at)) for at in range(160, 200)]
    every += every[:5]  # told before
    every += [Text("tinystories", "t 900", "", "Too short.")]
    every += [Text("tinystories", "t 901", "", _babble(901) + " The darkies sang.")]
    monkeypatch.setattr(prepare, "read", lambda corpus: iter(every))
    told = prepare.prepare(tmp_path, tmp_path)
    train, held = (prepare.load(tmp_path / f"{name}.jsonl") for name in ("train", "heldout"))
    assert len(train) + len(held) == 200
    assert 1 <= len(held) <= 20
    assert not {one.group for one in train} & {one.group for one in held}
    assert not {one.body for one in train} & {one.body for one in held}
    assert told["left out: told before (tinystories)"] == 5
    assert told["left out: too short"] == told["left out: slurs"] == 1
    again = prepare.prepare(tmp_path, tmp_path / "again")
    assert again == told
    assert (tmp_path / "again/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()


def test_names_are_capped_and_stay_the_same_within_a_story() -> None:
    every = [
        Text("tinystories", "", "Lily", f"Lily saw Tom. Lily's hat was red. {at}.", summary="Lily")
        for at in range(500)
    ]
    found = list(names.capped(every, 0))
    counts = Counter(one.body.split()[0] for one in found)
    assert counts["Lily"] == 2  # 0.4 % of 500
    assert max(counts.values()) < 20
    for one in found:
        name = one.body.split()[0]
        assert f"{name}'s hat" in one.body
        assert one.title == one.summary == name
        assert (name == "Lily") or name in names.NEW_WOMEN


# ---------------------------------------------------------------------- streams and training
def test_the_plain_stream_is_the_stories_and_the_same_from_any_place(
    texts: list[Text], tmp_path: Path
) -> None:
    mix = {"tinystories": 1.5}
    tokens.train(texts, mix, 400, tmp_path)
    bpe = tokens.load(tmp_path)
    assert [bpe.token_to_id(tag) for tag in (tokens.PAD, tokens.EOS, *tokens.TAGS)] == list(
        range(5)
    )
    stream = tokens.PlainText(texts, bpe, mix, 0)
    ids, learned = stream.batch(0, 4, 64)
    assert learned.all()
    text = bpe.decode(ids[0].tolist(), skip_special_tokens=False)
    assert any(text.startswith(one.body[:40]) for one in texts)
    line, paragraph = bpe.encode("a\nb\n\nc").ids[1::2]
    seen = Counter(token for one in stream._ids for token in one.tolist())
    assert seen[line] > 50
    assert seen[paragraph] > 50
    assert (ids[0, -1:] == ids[1, :1]).all()
    far = 3 * sum(len(one) for one in stream._ids)
    later, _ = stream.batch(far, 2, 64)
    fresh, _ = tokens.PlainText(texts, bpe, mix, 0).batch(far, 2, 64)
    assert (later == fresh).all()
    assert (stream.batch(0, 4, 64)[0] == ids).all()


def _turns(texts: list[Text], folder: Path, one_shot: float) -> turns.Turns:
    mix = {"tinystories": 1.0}
    tokens.train(texts, mix, 400, folder)
    bpe = tokens.load(folder)
    plain = tokens.PlainText(texts, bpe, mix, 0)
    return turns.Turns(list(turns.tales(texts)), plain, bpe, mix, 0, one_shot)


def test_premises_and_examples_are_read_not_learned(texts: list[Text], tmp_path: Path) -> None:
    stream = _turns(texts, tmp_path, one_shot=1.0)
    ids, learned = stream.batch(0, 8, 256)
    again, _ = stream.batch(0, 8, 256)
    assert (ids == again).all()
    assert 0.1 < learned.mean() < 0.9
    premise = tokens.load(tmp_path).token_to_id("<prompt>")
    assert not learned[ids == premise].any()
    without, all_learned = _turns(texts, tmp_path, one_shot=0.0).batch(0, 8, 256)
    assert all_learned.mean() > learned.mean()
    assert (without == tokens.EOS_ID).any()


def test_an_opening_that_many_tales_share_is_drawn_as_often_as_one(tmp_path: Path) -> None:
    opening = "Once upon a time in a village by the sea there lived a"
    bodies = [f"{opening} {name} who sang of rain." for name in "abcdefghijkl"]
    bodies.append("A quite different zebra came along one day.")
    texts = [Text("tinystories", str(at), "", body) for at, body in enumerate(bodies)]
    stream = _turns(texts, tmp_path, one_shot=0.0)
    weights = np.diff([0.0, *stream._weights])
    assert weights[:12].sum() == pytest.approx(weights[12])


def test_documents_end_where_the_story_ends() -> None:
    tale = Tale(
        "A fox", tuple(Passage(("One thing", "Another"), f"Prose {at}.") for at in range(3))
    )
    ended = 0
    for seed in range(40):
        spans = turns.document(tale, random.Random(seed), 1024, None)
        text = "".join(one.text for one in spans)
        assert text.startswith("<prompt>\nA fox\n")
        assert text.endswith("<eos>")
        assert not spans[0].learned
        assert all(one.learned for one in spans[1:])
        ended += f"- {turns.THE_END}\n<story>\nProse 2." in text
    assert 15 <= ended <= 33
    long = Tale("A fox", tuple(Passage(("One", "Two"), f"Prose {at}.") for at in range(90)))
    texts = [
        "".join(s.text for s in turns.document(long, random.Random(n), 512, None))
        for n in range(60)
    ]
    assert all(("Prose 89." in text) == text.endswith("<eos>") for text in texts)
    assert not any(turns.THE_END in text and "Prose 89." not in text for text in texts)
    assert any("Prose 89." in text for text in texts)


def test_a_killed_stage_goes_on_where_it_was(texts: list[Text], tmp_path: Path) -> None:
    mix = {"tinystories": 1.0}
    tokens.train(texts, mix, 400, tmp_path)
    stream = tokens.PlainText(texts, tokens.load(tmp_path), mix, 0)
    shape = Shape(layers=1, width=32, heads=2, key_value_heads=2, feed_forward=64, vocabulary=400)
    tiny = {"window": 32, "minutes": 60.0, "step_tokens": 256, "warmup": 2, "decay": 0.5}

    def run(folder: str, limit: int) -> Trainer:
        stage = Stage("tiny", tokens=limit, **tiny)  # type: ignore[arg-type]
        trainer = Trainer(create(shape, 0), stage, tmp_path / folder, compiled=False)
        trainer.train(stream, stream, lambda line: None)
        return trainer

    def interrupted() -> Trainer:
        stage = Stage("tiny", tokens=256 * 12, **tiny)  # type: ignore[arg-type]
        trainer = Trainer(create(shape, 0), stage, tmp_path / "b", compiled=False)
        calls = 0
        step = trainer._step

        def killed(ids: np.ndarray, learned: np.ndarray) -> torch.Tensor:
            nonlocal calls
            calls += 1
            if calls == 8:
                raise KeyboardInterrupt
            if calls == 6:
                trainer.save()
            return step(ids, learned)

        trainer._step = killed  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            trainer.train(stream, stream, lambda line: None)
        return run("b", 256 * 12)

    torch.set_num_threads(1)
    whole, resumed = run("a", 256 * 12), interrupted()
    assert whole.steps == resumed.steps == 12
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name
    rows = [json.loads(line) for line in (tmp_path / "a/curve.jsonl").read_text().splitlines()]
    assert rows[-1]["tokens"] == 256 * 12
    assert rows[-1]["held_out"] < math.log(400)


def test_micro_batches_add_up_to_the_step(texts: list[Text], tmp_path: Path) -> None:
    """Eight rows of different numbers of learned tokens, at once and two at a time."""
    torch.set_num_threads(1)
    shape = Shape(layers=1, width=32, heads=2, key_value_heads=2, feed_forward=64, vocabulary=400)
    ids, learned = _turns(texts, tmp_path, one_shot=1.0).batch(0, 8, 128)
    losses, weights = [], []
    for micro in (10**6, 256):
        stage = Stage("tiny", window=128, minutes=1.0, step_tokens=1024, micro_tokens=micro)
        trainer = Trainer(create(shape, 0), stage, tmp_path / str(micro), compiled=False)
        losses.append(float(trainer._step(ids, learned)))
        weights.append(trainer.model.state_dict())
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # where products are bfloat16
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=0, atol=2e-3)


@pytest.mark.parametrize("products", [torch.float32, torch.bfloat16])
def test_muon_moves_matrices_as_torchs_does(products: torch.dtype) -> None:
    """Square, wide and tall ones, two steps with a momentum between them."""
    torch.manual_seed(0)
    ours, theirs = (
        [torch.nn.Parameter(torch.full(size, 4.0)) for size in ((16, 16), (16, 40), (40, 16))]
        for _ in range(2)
    )
    mine = Muon(ours, lr=0.1, weight_decay=0.9, products=products)
    torchs = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.9, adjust_lr_fn="match_rms_adamw")
    for _ in range(2):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        mine.step()
        torchs.step()
    for one, other in zip(ours, theirs, strict=True):
        moved = float((other.detach() - 4.0 * 0.91**2).square().mean().sqrt())
        assert float((one - other).detach().abs().max()) < 0.2 * moved  # torch's bfloat16


def test_muons_update_is_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    made = orthogonal(torch.randn(3, 24, 60), torch.float32)
    assert float(torch.linalg.svdvals(made).min()) > 0.5
    assert float(torch.linalg.svdvals(made).max()) < 1.4


def test_the_rate_falls_from_stage_to_stage(tmp_path: Path) -> None:
    """The second stage begins at the first one's rate, the third where the second ends; it ends at
    nothing."""
    shape = Shape(layers=1, width=32, heads=2, key_value_heads=2, feed_forward=64, vocabulary=400)
    ends = []
    for stage in (PRETRAIN, PATTERN, LENGTHEN):
        trainer = Trainer(create(shape, 0), stage, tmp_path / stage.name, compiled=False)
        trainer.steps = 10**6
        ends.append([stage.rate * trainer._schedule(progress) for progress in (0, 1)])
    assert ends[0] == [PRETRAIN.rate, PRETRAIN.rate]
    assert ends[1][0] == ends[0][1]
    assert ends[2][0] == pytest.approx(ends[1][1])
    assert ends[2][1] == 0.0


TINY = Shape(layers=1, width=32, heads=2, key_value_heads=2, feed_forward=64, vocabulary=400)


def test_a_stage_goes_on_with_the_numbers_it_was_begun_with(tmp_path: Path) -> None:
    begun = stage_of(tmp_path, PATTERN, Asked(minutes=5.0, rate=1e-3))
    assert (begun.minutes, begun.rate, begun.floor) == (5.0, 1e-3, PATTERN.floor)
    assert stage_of(tmp_path, PATTERN, Asked()) == begun
    longer = msgspec.structs.replace(begun, minutes=9.0)
    assert stage_of(tmp_path, PATTERN, Asked(minutes=9.0)) == longer
    with pytest.raises(typer.BadParameter, match=r"begun with a rate of 0\.001"):
        stage_of(tmp_path, PATTERN, Asked(rate=2e-3))
    with pytest.raises(typer.BadParameter, match=r"begun with a dropout of 0"):
        stage_of(tmp_path, PATTERN, Asked(dropout=0.5))


def test_a_budget_of_tokens_ends_a_stage_and_no_clock(tmp_path: Path) -> None:
    asked = stage_of(tmp_path, PATTERN, Asked(millions=2.5))
    assert asked.tokens == 2_500_000
    assert asked.minutes > 1e6
    both = stage_of(tmp_path, PATTERN, Asked(minutes=3.0, millions=2.5))
    assert (both.tokens, both.minutes) == (2_500_000, 3.0)


def test_a_gpu_goes_through_the_same_stages_in_larger_steps() -> None:
    larger = recipe.on_gpu(PATTERN)
    assert larger.step_tokens == 8 * PATTERN.step_tokens
    assert larger.tokens == recipe.GPU_TOKENS["pattern"]
    assert (larger.window, larger.rate, larger.floor) == (
        PATTERN.window, PATTERN.rate, PATTERN.floor
    )  # fmt: skip


def test_what_is_dropped_is_dropped_only_while_learning() -> None:
    model = create(TINY, 0)
    ids = torch.arange(5, 25)[None]
    plain = model.eval()(ids).logits
    drop(model, 0.5)
    assert torch.equal(model(ids).logits, plain)
    model.train()
    assert not torch.equal(model(ids).logits, plain)
    assert not torch.equal(model(ids).logits, model(ids).logits)


def test_a_stream_read_ahead_is_the_same_stream(texts: list[Text], tmp_path: Path) -> None:
    """In order, and from another place than was expected."""
    stream, own = (_turns(texts, tmp_path, one_shot=0.5) for _ in range(2))
    ahead = Ahead(stream, 2)
    try:
        for at in (0, 256, 512, 768, 0, 4096, 4352):
            for found, expected in zip(ahead.batch(at, 2, 128), own.batch(at, 2, 128), strict=True):
                assert np.array_equal(found, expected)
    finally:
        ahead.close()


@pytest.mark.parametrize("shape", [CPU, GPU])
def test_what_ships_is_small_enough(shape: Shape) -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in create(shape, 0).parameters())
    assert 2 * count < 23.5e6
    assert shape.context >= 768
