"""Many turns at once: what each becomes, and what is recorded of it, is as if it were alone."""

import math

import pytest
import torch

from talecraft.engine.batch import Batch, BatchSampler, Row
from talecraft.engine.decoding import GRACE, Writer
from talecraft.engine.lean.choice import build
from talecraft.engine.lean.products import WAYS
from talecraft.engine.sampling import Drawn
from talecraft.engine.session import CHUNK, Session
from talecraft.errors import EngineError
from talecraft.story.turns import Sampling
from tests.support.models import codec, shared_base

TEXTS = ("A shy fox learns to share", "Owl", "Two mice build a boat out of a walnut shell and sail")
DRAFTS = Sampling(outline_tokens=16, prose_tokens=20, repetition_penalty=1.05)


def prompt(text):
    return codec().encode(f"<prompt>\n{text}\n")


def rows(seeds=(1, 2), sampling=DRAFTS, texts=TEXTS):
    """Two rows for each prompt, each with its own seed."""
    made = codec()
    return [
        Row(prompt(text), made, sampling, 10 * i + seed, grace=True)
        for i, text in enumerate(texts)
        for seed in seeds
    ]


def written(some, sampling=DRAFTS, record=True, steps=None):
    batch = Batch(shared_base(), some, sampling, pad=0, record=record, steps=steps)
    while batch.step():
        pass
    return [row.response for row in some]


def test_company_changes_neither_the_text_nor_the_record():
    together = written(rows())
    for row, kept in zip(rows(), together, strict=True):
        (alone,) = written([row])
        assert alone.ids == kept.ids
        assert (alone.forced, alone.prose) == (kept.forced, kept.prose)
        torch.testing.assert_close(alone.raw, kept.raw, rtol=0, atol=1e-4)
        torch.testing.assert_close(alone.sampled, kept.sampled, rtol=0, atol=1e-4)
    assert len({tuple(one.ids) for one in together}) == len(together)


class Counted:
    """Quick steps of which the third fails, having written half of it, or none."""

    mode = "counted"

    def __init__(self, steps, fails=None):
        self.steps, self.fails, self.count = steps, fails, 0

    @property
    def cache(self):
        return self.steps.cache

    def step_all(self, *given):
        self.count += 1
        made = self.steps.step_all(*given)
        if self.fails and self.count == 3:
            self.steps.store.reach(self.steps.store.length - 1)
            raise self.fails
        return made


@pytest.fixture(scope="module")
def compiled():
    return build(shared_base(), next(way for way in WAYS if way.fused))


def test_quick_steps_write_all_but_the_first_token(compiled):
    steps = Counted(compiled.for_all())
    batch = Batch(shared_base(), rows(), DRAFTS, pad=0, record=True, steps=steps)
    assert batch.mode == "batch-counted"
    some = list(batch._rows)
    while batch.step():
        pass
    longest = max(len(row.response.ids) for row in some)
    assert steps.count == longest - 1
    for row in some:
        ids = torch.tensor([row.prompt + row.response.ids])
        with torch.no_grad():
            true = shared_base()(ids).logits[0].log_softmax(-1)[len(row.prompt) - 1 : -1]
        true = true.gather(1, ids[0, len(row.prompt) :, None])[:, 0]
        assert (true - torch.tensor(row.response.raw)).abs().mean() < 0.05


@pytest.mark.parametrize("error", [RuntimeError("can't allocate memory"), MemoryError()])
def test_a_quick_step_that_fails_costs_no_word(compiled, error):
    """The model goes on over what was kept."""
    greedy = Sampling(temperature=0, outline_tokens=12, prose_tokens=20)
    steps = Counted(compiled.for_all(), error)
    failed = written(rows(sampling=greedy), greedy, steps=steps)
    assert steps.count == 3
    plain = written(rows(sampling=greedy), greedy)
    same = [a.ids == b.ids for a, b in zip(failed, plain, strict=True)]
    assert sum(same) >= 5, "two steps of 8 bits move hardly a word"


def test_a_row_that_is_done_stays_where_it_is():
    """Its place would leave the positions that a model has."""
    some = rows(texts=TEXTS[:1], seeds=(1, 2, 3, 4, 5, 6))
    batch = Batch(shared_base(), some, DRAFTS, pad=0)
    last = {}
    while batch.step():
        for row, place in zip(batch._rows, batch._positions[:, -1].tolist(), strict=True):
            if row.done:
                assert last.setdefault(id(row), place) == place
    assert last, "none was done before the others"


def test_seeds_decide():
    first, second, other = (written(rows(s, texts=TEXTS[:1])) for s in ((1, 2), (1, 2), (3, 4)))
    assert [one.ids for one in first] == [one.ids for one in second]
    assert not {tuple(one.ids) for one in first} & {tuple(one.ids) for one in other}


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_drafts_are_the_pages_to_the_last_log_prob(penalty):
    greedy = Sampling(temperature=0, outline_tokens=12, prose_tokens=20, repetition_penalty=penalty)
    for text, made in zip(TEXTS, written(rows((1,), greedy), greedy), strict=True):
        session = Session(shared_base(), "cpu")
        logits = session.read(prompt(text), lambda: False, lambda *_: None)
        page = Writer(session, codec(), greedy, lambda piece: None).write(logits, lambda: False)
        assert made.ids == page.ids
        assert made.forced == page.forced
        assert (made.outline, made.prose) == (page.outline, page.prose)
        assert (made.prose_start, made.prose_end) == (page.prose_start, page.prose_end)
        assert made.stop_reason == page.stop_reason
        assert made.sampled == page.sampled
        torch.testing.assert_close(made.raw, page.raw, rtol=0, atol=1e-4)


def test_recorded_log_probs_can_be_recomputed_from_the_ids():
    """At temperature 0.5 and nothing cut: log softmax(2 * logits), by hand from the raw ones."""
    cold = Sampling(temperature=0.5, top_p=1.0, outline_tokens=12, prose_tokens=16)
    some = rows(sampling=cold)
    for row, made in zip(some, written(some, cold), strict=True):
        with torch.no_grad():
            logits = shared_base()(torch.tensor([row.prompt + made.ids])).logits[0]
        here = range(len(made.ids))
        logits = logits[len(row.prompt) - 1 : -1]
        raw = torch.log_softmax(logits, -1)[here, made.ids]
        torch.testing.assert_close(torch.tensor(made.raw), raw, rtol=0, atol=1e-4)
        shaped = torch.log_softmax(2 * logits, -1)[here, made.ids]
        shaped = shaped.masked_fill(torch.tensor(made.forced), 0.0)
        torch.testing.assert_close(torch.tensor(made.sampled), shaped, rtol=0, atol=1e-3)


def test_prose_may_finish_its_sentence_within_the_grace():
    short = Sampling(outline_tokens=12, prose_tokens=8)
    made = written(rows(range(6), short), short)
    used = [len(one.ids) - one.prose_start for one in made if one.stop_reason == "length"]
    assert max(used) <= 8 + GRACE
    assert len([n for n in used if n > 8]) > 3
    for one in made:
        if one.stop_reason == "length" and len(one.ids) - one.prose_start < 8 + GRACE:
            assert one.prose.rstrip().rstrip("\"'”’").endswith((".", "!", "?", "…"))


def test_a_prompt_that_rows_share_is_read_once_and_in_chunks(monkeypatch):
    text = "The small grey cat sat by the cold river and waited. " * 20
    base, read = shared_base(), []
    original = base.forward

    def forward(*args, **kwargs):
        read.append(tuple(kwargs["input_ids"].shape))
        return original(*args, **kwargs)

    monkeypatch.setattr(base, "forward", forward)
    length = len(prompt(text))
    together = written(rows(texts=[text]))
    assert length > CHUNK
    chunks = [shape for shape in read if shape[1] > 1]
    assert chunks[0] == (1, CHUNK)
    assert sum(columns for _, columns in chunks) in (length, length - 1)
    assert all(count == 1 for count, _ in chunks)
    for row, kept in zip(rows(texts=[text]), together, strict=True):
        assert written([row])[0].ids == kept.ids


def test_a_batch_may_be_left_lying_between_two_steps():
    """Another batch, and the page, use the model meanwhile."""
    whole = written(rows())
    some = rows()
    batch = Batch(shared_base(), some, DRAFTS, pad=0, record=True)
    for _ in range(15):
        batch.step()
    written(rows((7,)))
    while batch.step():
        pass
    assert [row.response.ids for row in some] == [one.ids for one in whole]
    assert not batch.step(), "there is no more to do"


def test_nothing_is_recorded_where_nobody_asks():
    made = written(rows(), record=False)
    assert [(one.raw, one.sampled) for one in made] == [([], [])] * len(made)


def test_numbers_that_are_none_are_an_error_not_a_record(monkeypatch):
    base = shared_base()
    original = base.forward

    def broken(*args, **kwargs):
        output = original(*args, **kwargs)
        output.logits[:] = float("nan")
        return output

    monkeypatch.setattr(base, "forward", broken)
    with pytest.raises(EngineError, match="not numbers"):
        written(rows())


def test_draws_follow_the_probabilities():
    """Inverse CDF by hand: probabilities .1 .2 .7, uniforms on both sides of each edge."""
    logits = torch.tensor([[0.1, 0.2, 0.7]]).log().repeat(6, 1)
    uniform = torch.tensor([0.0, 0.099, 0.101, 0.299, 0.301, 0.999999], dtype=torch.float64)
    sampler = BatchSampler(Sampling(temperature=1.0, top_p=1.0), codec())
    drawn = sampler.draw(logits, torch.zeros(6, 0), uniform)
    assert [one.token for one in drawn] == [0, 0, 1, 1, 2, 2]
    logprobs = [math.log(p) for p in (0.1, 0.1, 0.2, 0.2, 0.7, 0.7)]
    assert [one.logprob for one in drawn] == pytest.approx(logprobs, rel=1e-6)


@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 1e-16, 1.0])
def test_what_was_cut_is_not_drawn(number):
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, -800.0, 0.0, -800.0, -torch.inf]])
    sampler = BatchSampler(Sampling(temperature=1.0, top_p=1.0), codec())
    uniform = torch.tensor([number], dtype=torch.float64)
    (drawn,) = sampler.draw(logits, torch.zeros(1, 0), uniform)
    assert (drawn.token, drawn.logprob) == (1 if number < 0.5 else 4, pytest.approx(math.log(0.5)))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_is_no_numbers_is_drawn_at_no_number(broken):
    logits = torch.tensor([[broken, broken], [0.0, -1.0]])
    sampler = BatchSampler(Sampling(temperature=1.0, top_p=1.0), codec())
    drawn = sampler.draw(logits, torch.zeros(2, 0), torch.tensor([0.1, 0.1]))
    assert math.isnan(drawn[0].logprob)
    assert drawn[1].token == 0


def test_zero_temperature_is_greedy_as_on_the_page():
    logits = torch.tensor([[1.0, 3.0, 2.0], [0.5, 0.1, 0.2]])
    sampler = BatchSampler(Sampling(temperature=0), codec())
    uniform = torch.tensor([0.99, 0.99], dtype=torch.float64)
    assert sampler.draw(logits, torch.zeros(2, 0), uniform) == [Drawn(1, 0.0), Drawn(0, 0.0)]


def test_top_p_and_temperature_shape_the_draws():
    logits = torch.tensor([[0.1, 0.2, 0.7]]).log().repeat(2, 1)
    uniform = torch.tensor([0.0, 0.5], dtype=torch.float64)
    nucleus = BatchSampler(Sampling(temperature=1.0, top_p=0.6), codec())
    assert nucleus.draw(logits, torch.zeros(2, 0), uniform) == [Drawn(2, 0.0)] * 2
    # At temperature .5 the probabilities are .01 .04 .49 over .54.
    cold = BatchSampler(Sampling(temperature=0.5, top_p=1.0), codec())
    edges = torch.tensor([0.01 / 0.54 - 1e-4, 0.05 / 0.54 + 1e-4], dtype=torch.float64)
    assert [one.token for one in cold.draw(logits, torch.zeros(2, 0), edges)] == [0, 2]
