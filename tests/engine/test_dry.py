"""DRY by hand, and against a slow reading of its own definition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talecraft.engine.batch import Batch, Row
from talecraft.engine.decoding import Writer
from talecraft.engine.dry import Dry
from talecraft.engine.session import Session
from talecraft.story.turns import Sampling
from tests.support.models import codec, shared_base

PAGE = Sampling(dry_multiplier=0.8, dry_base=1.75, dry_allowed_length=2)
CODEC = codec()


def lost(text, sampling=PAGE):
    return {
        CODEC.decode([token]): nats
        for token, nats in Dry(sampling, CODEC).penalties(CODEC.encode(text)).items()
    }


def test_the_penalty_grows_with_the_words_that_agree():
    assert lost("so the old man sat down . the") == {}
    assert lost("so the old man sat down . the old") == {" man": pytest.approx(0.8)}
    assert lost("so the old man sat down . the old man") == {" sat": pytest.approx(0.8 * 1.75)}
    assert lost("so the old man sat down . the old man sat") == {
        " down": pytest.approx(0.8 * 1.75**2)
    }


def test_the_longest_agreement_counts():
    text = "one old man sat down and then the old man ran and the old man"
    assert lost(text) == {" sat": pytest.approx(0.8), " ran": pytest.approx(0.8 * 1.75)}


@pytest.mark.parametrize(
    "text",
    [
        "he went to the old town and so to the\nold",  # a line's end is no repetition's middle
        'he said "let us go" and she said "let',  # nor is a quotation mark
        "so she came to see Robin , and came to see",  # a name is no repetition
        "they were unbelievabl",  # nor the rest of a word
    ],
)
def test_what_is_no_repetition(text):
    assert lost(text) == {}


def test_off_it_changes_nothing():
    scores = torch.randn(6144)
    text = CODEC.encode("so the old man sat down . the old man")
    assert Dry(Sampling(), CODEC)(scores, text) is scores


def slow(ids, sampling):
    """The definition, word for word: each earlier place by itself."""
    found = {}
    for at in range(len(ids) - 1):
        words = 0
        for back in range(at + 1):
            here, there = ids[len(ids) - 1 - back], ids[at - back]
            if here != there or CODEC.piece(here).divides:
                break
            if CODEC.piece(here).begins:
                words += 1
                following = ids[at + 1]
                if CODEC.piece(following).repeatable and words >= sampling.dry_allowed_length:
                    nats = sampling.dry_multiplier * sampling.dry_base ** (
                        words - sampling.dry_allowed_length
                    )
                    found[following] = max(found.get(following, 0), nats)
    return found


WORDS = CODEC.encode('the old Robin sat, unbelievably "quiet". Then\n')


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.integers(1, 4))
def test_it_is_what_its_definition_says(ids, allowed):
    sampling = Sampling(dry_multiplier=0.5, dry_base=2.0, dry_allowed_length=allowed)
    assert Dry(sampling, CODEC).penalties(ids) == slow(ids, sampling)


def test_how_likely_a_word_is_that_may_repeat_stays_as_it_was():
    scores = torch.randn(6144, generator=torch.Generator().manual_seed(0))
    text = CODEC.encode("so the old man sat down . the old man")
    (sat,) = CODEC.encode(" sat")
    shaped = Dry(PAGE, CODEC)(scores, text)
    among = CODEC.repeatable(6144)
    before, after = scores.softmax(-1), shaped.softmax(-1)
    assert torch.equal(scores[~among], shaped[~among])
    torch.testing.assert_close(after[among].sum(), before[among].sum())
    others = among.clone()
    others[sat] = False
    # Beside its rivals the word is exp(-penalty) times as likely as it was.
    ratio = (after[sat] / after[others].sum()) / (before[sat] / before[others].sum())
    assert float(ratio) == pytest.approx(torch.tensor(-0.8 * 1.75).exp().item(), rel=1e-4)


def test_page_and_drafts_agree():
    greedy = Sampling(temperature=0, outline_tokens=12, prose_tokens=60, dry_multiplier=2.0)
    prompt = CODEC.encode("<prompt>\nA fox who sings the same song every day\n")
    (row,) = [Row(prompt, CODEC, greedy, 1, grace=True)]
    batch = Batch(shared_base(), [row], greedy, pad=0, record=True)
    while batch.step():
        pass
    session = Session(shared_base(), "cpu")
    logits = session.read(prompt, lambda: False, lambda *_: None)
    page = Writer(session, CODEC, greedy, lambda piece: None).write(logits, lambda: False)
    assert row.response.ids == page.ids
    plain = Sampling(temperature=0, outline_tokens=12, prose_tokens=60)
    session = Session(shared_base(), "cpu")
    logits = session.read(prompt, lambda: False, lambda *_: None)
    assert page.ids != Writer(session, CODEC, plain, print).write(logits, lambda: False).ids


def test_the_record_holds_what_was_drawn_from():
    """Recomputed from the ids alone, at temperature 1: raw scores, DRY, softmax."""
    sampling = Sampling(temperature=1.0, top_p=1.0, seed=4, prose_tokens=60, dry_multiplier=3.0)
    prompt = CODEC.encode("<prompt>\nOne day, one day, one day\n")
    session = Session(shared_base(), "cpu")
    logits = session.read(prompt, lambda: False, lambda *_: None)
    made = Writer(session, CODEC, sampling, lambda piece: None).write(logits, lambda: False)
    text = prompt + made.ids
    with torch.no_grad():
        every = shared_base()(torch.tensor([text])).logits[0].float()
    dry, changed = Dry(sampling, CODEC), 0
    for at, token in enumerate(made.ids):
        if made.forced[at]:
            continue
        scores = every[len(prompt) + at - 1]
        shaped = dry(scores, text[: len(prompt) + at])
        changed += shaped is not scores
        expected = float(torch.log_softmax(shaped, -1)[token])
        assert made.sampled[at] == pytest.approx(expected, abs=1e-3)
    assert changed
