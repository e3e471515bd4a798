"""Banned phrases never stand in a turn, and what comes instead is what the model would have
written without them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talecraft.engine.banning import MOST, Bans
from talecraft.engine.batch import Batch, Row
from talecraft.engine.decoding import Response, Writer
from talecraft.engine.session import Session
from talecraft.story.outline import OutlineSplitter
from talecraft.story.turns import Sampling
from tests.support.models import codec, shared_base

PROMPT = "<prompt>\nA shy fox learns to share\n"
GREEDY = Sampling(temperature=0, outline_tokens=24, prose_tokens=60)


def write(sampling, prompt=PROMPT, **how):
    """A turn of the page's loop, and all that was shown of it."""
    session, shown = Session(shared_base(), "cpu"), []
    logits = session.read(codec().encode(prompt), lambda: False, lambda *_: None)
    writer = Writer(session, codec(), sampling, shown.append)
    return writer.write(logits, lambda: False, **how), shown, session


def drafts(sampling, seeds=(1,), prompts=(PROMPT,)):
    rows = [
        Row(codec().encode(prompt), codec(), sampling, seed, grace=True)
        for prompt in prompts
        for seed in seeds
    ]
    batch = Batch(shared_base(), rows, sampling, pad=0, record=True)
    while batch.step():
        pass
    return [row.response for row in rows]


def written(response):
    return f"{response.outline}\n{response.prose}".lower()


def some_words(prose, count):
    """Phrases of two words from all over a text."""
    words = prose.split()
    return [f"{words[at]} {words[at + 1]}" for at in range(3, len(words) - 2, 7)][:count]


def test_a_turn_without_what_it_would_have_said():
    before, _, _ = write(GREEDY)
    banned = some_words(before.prose, 4)
    sampling = Sampling(temperature=0, outline_tokens=24, prose_tokens=60, banned=banned)
    after, shown, session = write(sampling)
    assert not [one for one in banned if one.lower() in written(after)]
    assert all(one.lower() in written(before) for one in banned)
    # What was shown was never taken back, and is all of it.
    for part, text in (("think", after.outline), ("prose", after.prose)):
        assert "".join(piece.text for piece in shown if piece.part == part) == text
    assert codec().decode(after.ids[after.prose_start : after.prose_end]).strip() == (
        after.prose.strip()
    )
    assert len(after.ids) == len(after.raw) == len(after.forced) == len(after.sampled)
    assert (
        session.ids[-len(after.ids) + 1 :] == after.ids[:-1] or session.ids[-1:] == after.ids[-1:]
    )


def test_the_record_after_going_back_is_the_models_own():
    banned = some_words(write(GREEDY)[0].prose, 3)
    sampling = Sampling(temperature=0, outline_tokens=24, prose_tokens=40, banned=banned)
    made, _, _ = write(sampling)
    prompt = codec().encode(PROMPT)
    ids = torch.tensor([[*prompt, *made.ids]])
    with torch.no_grad():
        logits = shared_base()(input_ids=ids).logits[0, len(prompt) - 1 : -1].float()
    expected = torch.log_softmax(logits, -1)[range(len(made.ids)), made.ids]
    torch.testing.assert_close(torch.tensor(made.raw), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("count", [1, 4])
def test_drafts_go_back_as_the_page_does(count):
    prompts = (PROMPT, "<prompt>\nTwo mice build a boat\n")
    pages = [write(GREEDY, one)[0] for one in prompts]
    banned = [one for page in pages for one in some_words(page.prose, count)]
    sampling = Sampling(temperature=0, outline_tokens=24, prose_tokens=60, banned=banned)
    together = drafts(sampling, prompts=prompts)
    for prompt, made, before in zip(prompts, together, pages, strict=True):
        assert not [one for one in banned if one.lower() in written(made)]
        assert made.ids != before.ids
        page, _, _ = write(sampling, prompt)
        assert made.ids == page.ids
        torch.testing.assert_close(made.raw, page.raw, rtol=0, atol=1e-4)


def test_what_the_writer_gave_is_not_taken_back():
    before, _, _ = write(GREEDY, prose="The fox was shy")
    word = before.prose.removeprefix("The fox was shy").split()[0]
    sampling = Sampling(temperature=0, prose_tokens=40, banned=["shy " + word, "The fox"])
    after, _, _ = write(sampling, prose="The fox was shy")
    assert after.prose.startswith("The fox was shy")
    assert f"shy {word}".lower() not in after.prose.lower()


def _turn(phrases, pieces):
    """Write `pieces`, going back as a loop does; where that happens, the piece after it is the next
    of the list. What was shown, and what stands."""
    bans, ends = Bans(phrases), []
    response, splitter = Response(), OutlineSplitter("<story>", (), "prose")
    text = shown = ""
    for token, piece in enumerate(pieces):
        bans.remember(response, splitter)
        bans.added(piece)
        text += piece
        ends.append(len(text))
        if (keep := bans.begins(response, ends)) is not None:
            bans.go_back(keep, token, ends)
            del ends[keep:]
            response.truncate(keep)
            text = text[: ends[-1] if ends else 0]
        else:
            response.add(token, False, 0.0, 0.0)
        sure = text[: len(text) - bans.possible(ends)]
        assert sure.startswith(shown), f"{shown!r} was shown"
        shown = sure
    return shown, text


def test_what_was_ruled_out_only_by_what_is_taken_back_waits_too():
    """ "in the" is ruled out by " a", and possible again when "a big" is taken back."""
    shown, text = _turn(["in the", "a big"], [" lives", " in", " a", " big", " the", " near"])
    assert text == " lives near"
    assert " in" not in shown


@given(
    st.lists(st.text("abA ", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=4),
    st.lists(st.text("abA ", max_size=3), max_size=30),
)
def test_nothing_shown_is_ever_taken_back(phrases, texts):
    _turn(phrases, texts)


def test_a_character_of_several_tokens_is_taken_back_whole():
    assert len(codec().encode("\u2728")) > 1, "else the test says nothing"
    before, _, _ = write(GREEDY)
    banned = [*sorted({one for one in before.prose if not one.isascii()}), "\u2728"]
    sampling = Sampling(temperature=0, outline_tokens=24, prose_tokens=60, banned=banned)
    after, _, _ = write(sampling)
    assert "\ufffd" not in after.prose
    assert not set(banned) & set(after.outline + after.prose)
    (row,) = drafts(sampling)
    assert (row.ids, row.prose) == (after.ids, after.prose)


def test_in_sixteen_bits_too(monkeypatch):
    """Logits of a coarser model are shaped as they come."""
    banned = some_words(write(GREEDY)[0].prose, 4)
    forward = Batch._forward
    monkeypatch.setattr(Batch, "_forward", lambda self, *a: forward(self, *a).bfloat16())
    sampling = Sampling(temperature=0, outline_tokens=24, prose_tokens=60, banned=banned)
    (made,) = drafts(sampling)
    assert not [one for one in banned if one.lower() in written(made)]


def test_a_penalty_does_not_see_what_was_taken_back():
    prompts = (PROMPT, "<prompt>\nTwo mice build a boat\n")
    penalised = Sampling(temperature=0, outline_tokens=24, prose_tokens=60, repetition_penalty=1.2)
    pages = [write(penalised, one)[0] for one in prompts]
    banned = [one for page in pages for one in some_words(page.prose, 4)]
    sampling = Sampling(
        temperature=0, outline_tokens=24, prose_tokens=60, repetition_penalty=1.2, banned=banned
    )
    for prompt, made in zip(prompts, drafts(sampling, prompts=prompts), strict=True):
        assert made.ids == write(sampling, prompt)[0].ids


def test_in_there_there_is_no_here():
    bans = Bans(["here", "O, my"])
    response, splitter = Response(), OutlineSplitter("<story>", ("<prompt>",), "prose")
    bans.remember(response, splitter)
    bans.added("there ")
    assert bans.begins(response, [6]) is None
    bans.added("HERE")
    assert bans.begins(response, [6, 10]) is None, "its first token is not one that was remembered"
    response.add(1, False, 0.0, 0.0)
    bans.remember(response, splitter)
    assert bans.begins(response, [6, 10]) == 1


def test_it_does_not_go_back_for_ever():
    bans = Bans(["a"])
    response, splitter = Response(), OutlineSplitter("<story>", (), "prose")
    response.add(0, False, 0.0, 0.0)
    bans.added("x ")
    for token in range(MOST):
        bans.remember(response, splitter)
        bans.added("a")
        assert bans.begins(response, [2, 3]) == 1
        bans.go_back(1, token, [2, 3])
    assert bans.ruled_out(1) == set(range(MOST))
    bans.added("a")
    assert bans.begins(response, [2, 3]) is None


@given(
    st.lists(st.text("abA ", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=3),
    st.lists(st.text("abA ", max_size=3), max_size=12),
)
def test_what_is_held_back_is_all_that_may_be_taken_back(phrases, texts):
    """Whatever comes, the beginning of a phrase that is found was held back before."""
    bans = Bans(phrases)
    response, splitter = Response(), OutlineSplitter("<story>", (), "prose")
    ends, shown = [], 0
    for text in texts:
        bans.remember(response, splitter)
        bans.added(text)
        ends.append((ends[-1] if ends else 0) + len(text))
        if (keep := bans.begins(response, ends)) is not None:
            assert shown <= (ends[keep - 1] if keep else 0)
            return
        response.add(len(ends), False, 0.0, 0.0)
        shown = ends[-1] - bans.possible(ends)
