"""Tokens with their odds: against a full forward pass by hand; and turns begun token by token."""

import pytest
import torch

from talecraft.engine.decoding import GRACE, Writer
from talecraft.engine.probing import check_ids, probe
from talecraft.engine.session import ReadingCancelled, Session
from talecraft.errors import EngineError
from talecraft.process.messages import Begun, Probe
from talecraft.story.turns import Sampling
from talecraft.story.window import assemble
from tests.engine.test_decoding import PREMISE, full_logprobs, ignore, never, write
from tests.support.models import bundled_ref, codec, shared_base, tiny_llama

KEY = bundled_ref().key


def asked(prompt, ids, top=8):
    return Probe(1, KEY, prompt, ids, top=top)


def probed(prompt, ids, session=None, top=8):
    session = session or Session(shared_base(), "cpu")
    return probe(session, codec(), asked(prompt, ids, top), never, ignore)


def begin(begun, seed=1, outline_tokens=64, prose_tokens=30, ending=False, session=None):
    """A turn begun with these tokens: the response, its prompt, its pieces."""
    session = session or Session(shared_base(), "cpu")
    prompt = assemble((PREMISE,), codec(), 700).ids
    logits = session.read(prompt, never, ignore)
    sampling = Sampling(seed=seed, outline_tokens=outline_tokens, prose_tokens=prose_tokens)
    pieces = []
    writer = Writer(session, codec(), sampling, pieces.append)
    return writer.write(logits, never, ending=ending, begun=begun), prompt, pieces


def is_exact(response, prompt, pieces):
    """The record is what a full pass over its ids says, and the text is that of its ids."""
    columns = (response.ids, response.forced, response.raw, response.sampled)
    assert len({len(one) for one in columns}) == 1
    raw = full_logprobs(prompt, response)[range(len(response.ids)), response.ids]
    torch.testing.assert_close(torch.tensor(response.raw), raw, rtol=1e-4, atol=1e-4)
    said = {part: "".join(p.text for p in pieces if p.part == part) for part in ("think", "prose")}
    assert said == {"think": response.outline, "prose": response.prose}
    assert codec().decode(response.ids[response.prose_start : response.prose_end]) == response.prose


@pytest.mark.parametrize("warm", [False, True])
def test_the_odds_are_those_of_a_full_forward_pass(warm):
    response, prompt, session = write(Sampling(seed=3, prose_tokens=60))
    before = list(session.ids)
    odds = probed(prompt, response.ids, session if warm else None, top=5)
    table = full_logprobs(prompt, response)
    assert [one.taken.id for one in odds] == response.ids
    raw = table[range(len(response.ids)), response.ids]
    found = torch.tensor([one.taken.logprob for one in odds])
    torch.testing.assert_close(found, raw, rtol=1e-4, atol=1e-5)
    best = table.topk(5)
    values = torch.tensor([[other.logprob for other in one.top] for one in odds])
    torch.testing.assert_close(values, best.values, rtol=1e-4, atol=1e-5)
    same = [[other.id for other in one.top] for one in odds]
    assert sum(a == b for a, b in zip(same, best.indices.tolist(), strict=True)) > 0.95 * len(same)
    for one in odds:
        if one.rank < 5:
            assert one.top[one.rank].id == one.taken.id
        assert all(a.logprob >= b.logprob for a, b in zip(one.top, one.top[1:], strict=False))
    assert "".join(one.text for one in odds) == codec().decode(response.ids)
    if warm:
        assert session.ids[: len(before)] == before, "what was held is not read again"


def test_the_session_is_right_after_a_look():
    response, prompt, session = write(Sampling(seed=3, prose_tokens=60))
    probed(prompt, response.ids, session)
    assert session.ids == prompt + response.ids
    follow = prompt + response.ids[:20] + codec().encode(" and then")
    fresh = Session(shared_base(), "cpu").read(follow, never, ignore)
    torch.testing.assert_close(session.read(follow, never, ignore), fresh, rtol=1e-4, atol=1e-4)


def test_half_a_character_adds_no_text_and_is_named():
    ids = codec().encode("ø“漢")
    odds = probed(codec().encode("Once"), ids)
    assert [one.text for one in odds] == ["", "ø", "", "“", "", "", "漢"]
    assert [one.taken.text for one in odds] == ["�", "ø", "�", "“", "�", "�", "漢"]
    half = probed(codec().encode("Once"), ids[:-1])
    assert half[-1].text == "�", "an end in the middle of a character is to be seen"


def test_control_characters_do_not_pass():
    ids = codec().encode("a\x1b]52;c;x\x07b")
    odds = probed(codec().encode("Once"), ids)
    assert not any(ord(c) < 32 for one in odds for c in one.text + one.taken.text)


def test_a_look_is_cancelled_between_two_chunks():
    prompt = codec().encode("word " * 300)
    ids = codec().encode("tree " * 300)
    for calls in (1, 4):
        told = []
        session = Session(shared_base(), "cpu")
        with pytest.raises(ReadingCancelled):
            probe(
                session, codec(), asked(prompt, ids),
                lambda told=told, calls=calls: len(told) == calls,
                lambda done, total, told=told: told.append((done, total)),
            )  # fmt: skip
        assert len(told) == calls
        assert session.ids == (prompt + ids)[: len(session.ids)]
        assert len(session.ids) < len(prompt + ids)


def test_ids_that_are_none_are_refused_and_numbers_that_are_none():
    for wrong in ([], [-1], [97]):
        with pytest.raises(EngineError):
            check_ids(wrong, tiny_llama())
    model = tiny_llama()
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(EngineError):
        probe(Session(model, "cpu"), codec(), asked([3], [4]), never, ignore)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_turn_begun_in_its_prose_keeps_every_token_and_goes_on(seed):
    first, _, _ = write(Sampling(seed=seed, prose_tokens=60))
    at = first.prose_start + 9
    kept = first.ids[:at]
    other = next(one.id for one in probed_at(first, at) if one.id != first.ids[at])
    response, prompt, pieces = begin(Begun(KEY, kept, first.prose_start, other), seed + 10)
    assert response.ids[: at + 1] == [*kept, other]
    assert response.forced[: at + 1] == [True] * (at + 1)
    assert response.sampled[: at + 1] == [0.0] * (at + 1)
    assert not any(response.forced[at + 1 :])
    assert response.prose_start == first.prose_start
    assert response.outline == first.outline
    assert len(response.ids) - at <= 30 + GRACE + 1
    is_exact(response, prompt, pieces)


def probed_at(first, at):
    prompt = assemble((PREMISE,), codec(), 700).ids
    return probed(prompt, first.ids)[at].top


@pytest.mark.parametrize("seed", [1, 2])
def test_a_turn_begun_in_its_plan_goes_on_with_plan_and_prose(seed):
    first, _, _ = write(Sampling(seed=seed, prose_tokens=60))
    at = len(codec().encode("<think>\n")) + 4
    response, prompt, pieces = begin(Begun(KEY, first.ids[:at], first.prose_start), seed + 10)
    assert response.ids[:at] == first.ids[:at]
    assert response.forced[:at] == [True] * at
    assert not response.forced[at], "drawn again"
    assert first.outline.startswith(codec().decode(first.ids[2:at]))
    assert response.outline.startswith(codec().decode(first.ids[2:at]))
    assert response.prose.strip()
    is_exact(response, prompt, pieces)


def test_wherever_it_begins_the_same_draws_lead_to_the_same_text():
    """Every other place of a short turn, greedily: what is kept says the same again."""
    greedy = {"temperature": 0, "outline_tokens": 14, "prose_tokens": 10}
    first, prompt, _ = write(Sampling(**greedy))
    session = Session(shared_base(), "cpu")
    for at in range(2, len(first.ids), 2):
        logits = session.read(prompt, never, ignore)
        pieces = []
        writer = Writer(session, codec(), Sampling(**greedy), pieces.append)
        begun = Begun(KEY, first.ids[:at], first.prose_start, first.ids[at])
        response = writer.write(logits, never, begun=begun)
        assert response.ids[: at + 1] == first.ids[: at + 1]
        assert response.prose.startswith(codec().decode(first.ids[first.prose_start : at + 1]))
        is_exact(response, prompt, pieces)


def test_a_chosen_end_ends_the_passage_and_a_chosen_tag_opens_it():
    first, _, _ = write(Sampling(seed=1))
    at = first.prose_start + 6
    stop = codec().encode("<eos>")[0]
    response, prompt, pieces = begin(Begun(KEY, first.ids[:at], first.prose_start, stop))
    assert response.stop_reason == "end"
    assert response.ids == [*first.ids[:at], stop]
    assert response.prose_end == at
    is_exact(response, prompt, pieces)
    tag = codec().encode("<story>")[0]
    response, prompt, pieces = begin(Begun(KEY, first.ids[:6], first.prose_start, tag))
    assert response.prose_start == 7
    assert response.outline == codec().decode(first.ids[2:6])
    is_exact(response, prompt, pieces)


def test_a_plan_left_early_is_still_asked_for_the_end():
    first, _, _ = write(Sampling(seed=1))
    tag = codec().encode("<story>")[0]
    response, _, pieces = begin(Begun(KEY, first.ids[:9], first.prose_start, tag), ending=True)
    assert response.outline.endswith("- The end\n")
    assert "".join(p.text for p in pieces if p.part == "think") == response.outline


def test_a_character_cut_in_two_is_made_whole():
    ids = codec().encode("<story>\nThe caf")
    half, other = codec().encode("ø")
    response, prompt, pieces = begin(Begun(KEY, [*ids, half], 2, other))
    assert response.prose.startswith("The cafø")
    assert response.outline == ""
    is_exact(response, prompt, pieces)


def test_what_is_over_already_cannot_be_begun_with():
    ids = codec().encode("<think>\n- a\n<story>\nThe fox slept.<eos>")
    with pytest.raises(EngineError, match="is over"):
        begin(Begun(KEY, ids, 7))


def test_beginning_is_cancelled_between_two_chunks():
    ids = codec().encode("<story>\n" + "The fox slept. " * 60)
    session = Session(shared_base(), "cpu")
    prompt = assemble((PREMISE,), codec(), 700).ids
    logits = session.read(prompt, never, ignore)
    asked_often = []
    writer = Writer(session, codec(), Sampling(), ignore)
    with pytest.raises(ReadingCancelled):
        writer.write(
            logits, lambda: len(asked_often) == 2 or asked_often.append(1), begun=Begun(KEY, ids, 2)
        )
    assert session.ids == (prompt + ids)[: len(session.ids)]
