"""Drafts in the midst of a text: what they begin with, and how well they lead to what follows."""

import math

import pytest
import torch

from talecraft.engine.batch import Batch, Row
from talecraft.engine.decoding import GRACE, Writer
from talecraft.engine.lookahead import FOLLOWING, Place, told
from talecraft.engine.session import CHUNK, ReadingCancelled, Session
from talecraft.process.messages import Middle
from talecraft.story.turns import Sampling
from tests.support.models import codec, shared_base, tiny_llama

GREEDY = Sampling(temperature=0, outline_tokens=12, prose_tokens=20)
PROMPT = "<prompt>\nA shy fox learns to share\n"
MIDDLE = Middle("- The fox finds an apple", "The fox found", " and they ate it together.")


class Counting(Session):
    """Counts the tokens that are computed."""

    def __init__(self, model):
        super().__init__(model, "cpu")
        self.fed = 0

    def feed(self, ids, last_only=False):
        self.fed += len(ids)
        return super().feed(ids, last_only)


class Bigrams:
    """Says after any id `i` that `i + 1` has three times the odds of each other of four ids."""

    def __init__(self):
        self.ids = []

    def logits(self, after):
        row = torch.zeros(4)
        row[(after + 1) % 4] = math.log(3)
        return row

    def feed(self, ids):
        self.ids += ids
        return torch.stack([self.logits(one) for one in ids])


def place(middle=MIDDLE, session=None, cancelled=lambda: False):
    session = session or Session(shared_base(), "cpu")
    return Place(middle, codec(), lambda: session, cancelled)


def drafts(middle, sampling=GREEDY, seeds=(1,), grace=True):
    opening = place(middle).open(codec().encode(PROMPT))
    rows = [Row(codec().encode(PROMPT), codec(), sampling, s, grace, opening) for s in seeds]
    batch = Batch(shared_base(), rows, sampling, pad=0, record=True)
    while batch.step():
        pass
    return [row.response for row in rows]


def test_the_log_prob_of_a_text_by_hand():
    """3 / 6 for each next id, 1 / 6 for any other; the first after what was read."""
    bigrams = Bigrams()
    found = told(bigrams, bigrams.logits(0), [1, 2, 2])
    assert found == pytest.approx([math.log(1 / 2), math.log(1 / 2), math.log(1 / 6)], rel=1e-6)
    assert sum(found) == pytest.approx(math.log(1 / 24), rel=1e-6)
    assert bigrams.ids == [1, 2, 2]


def test_a_text_of_several_chunks_is_told_as_in_one_reading():
    base, session = tiny_llama(), Session(tiny_llama(), "cpu")
    ids = [(7 * n) % 90 + 2 for n in range(CHUNK + 40)]
    found = told(session, session.read(ids[:3], lambda: False, lambda *_: None), ids[3:])
    with torch.no_grad():
        logits = torch.log_softmax(base(torch.tensor([ids])).logits[0, 2:-1], -1)
    expected = logits[range(len(ids) - 3), ids[3:]]
    torch.testing.assert_close(torch.tensor(found), expected, rtol=0, atol=1e-5)


def test_a_fit_is_the_log_prob_of_what_follows_in_one_whole_reading():
    here = place()
    text = codec().encode(PROMPT + "<story>\nThe fox found an apple")
    following = codec().encode(MIDDLE.following)
    with torch.no_grad():
        logits = shared_base()(torch.tensor([text + following])).logits[0]
    logits = torch.log_softmax(logits[len(text) - 1 : -1], -1)
    expected = float(logits[range(len(following)), following].sum())
    assert here.fit(text) == pytest.approx(expected, abs=1e-3)


def test_what_leads_there_fits_better_than_what_does_not():
    here = place(Middle("", "", " was red and sweet, and he ate the apple."))
    start = PROMPT + "<story>\nThe fox found"
    apple, cold = (here.fit(codec().encode(start + end)) for end in (" an apple. It", " him. Him"))
    assert apple > cold + 1


def test_what_drafts_share_is_read_once_and_no_more_than_is_asked_of_what_follows():
    session = Counting(shared_base())
    far = Middle("", "", " and then they went on" * 40)
    here = place(far, session)
    shared = codec().encode(PROMPT + "<story>\n" + "The fox went home. " * 20)
    ends = [codec().encode(one) for one in ("He slept.", "He sang.", "He ran.")]
    for end in ends:
        here.fit(shared + end)
    # One id at least is always read again, for its logits.
    most = len(shared) + sum(map(len, ends)) + len(ends) * (FOLLOWING + 1)
    assert session.fed <= most
    assert here.tokens == FOLLOWING + len(codec().encode("<story>\n"))


def test_a_draft_goes_on_as_the_page_would_to_the_last_log_prob():
    for outline in ("- The fox finds an apple", ""):
        (made,) = drafts(Middle(outline, "The fox found"))
        session = Session(shared_base(), "cpu")
        prompt = codec().encode(PROMPT)
        logits = session.read(prompt, lambda: False, lambda *_: None)
        writer = Writer(session, codec(), GREEDY, lambda piece: None)
        page = writer.write(logits, lambda: False, outline or None, prose="The fox found")
        assert made.ids == page.ids
        assert made.forced == page.forced
        assert (made.outline, made.prose) == (page.outline, page.prose)
        assert made.prose.startswith("The fox found")
        assert (made.prose_start, made.prose_end) == (page.prose_start, page.prose_end)
        assert made.stop_reason == page.stop_reason
        torch.testing.assert_close(made.raw, page.raw, rtol=0, atol=1e-4)
        torch.testing.assert_close(made.sampled, page.sampled, rtol=0, atol=1e-4)


def test_the_budget_is_the_drafts_own_and_grace_only_where_it_is_whole():
    short = Sampling(prose_tokens=8)
    forced = len(codec().encode("<story>\n")) + len(codec().encode("The fox found"))
    made = drafts(Middle("", "The fox found"), short, range(8))
    used = {len(one.ids) - forced for one in made if one.stop_reason == "length"}
    assert max(used) > 8
    assert max(used) <= 8 + GRACE
    cut = drafts(Middle("", "The fox found"), short, range(8), grace=False)
    assert {len(one.ids) - forced for one in cut if one.stop_reason == "length"} == {8}


def test_reading_for_a_place_can_be_cancelled():
    with pytest.raises(ReadingCancelled):
        place(cancelled=lambda: True).open(codec().encode(PROMPT))
