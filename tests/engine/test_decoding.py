"""The decode loop on the bundled model: what it records is what happened."""

import pytest
import torch

from talecraft.engine.decoding import GRACE, Writer, may_end
from talecraft.engine.session import ReadingCancelled, Session
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from talecraft.story.window import assemble
from tests.support.models import codec, shared_base

PREMISE = Block("<prompt>\nA shy fox learns to share\n")


def never():
    return False


def ignore(*_):
    pass


def write(
    sampling,
    blocks=(PREMISE,),
    outline=None,
    cancelled=never,
    session=None,
    pieces=None,
    ending=False,
):
    """One turn; returns the response, its prompt and the session."""
    made = codec()
    session = session or Session(shared_base(), "cpu")
    prompt = assemble(blocks, made, 700).ids
    logits = session.read(prompt, never, ignore)
    on_piece = ignore if pieces is None else pieces.append
    writer = Writer(session, made, sampling, on_piece)
    response = writer.write(logits, cancelled, outline, ending)
    return response, prompt, session


def full_logprobs(prompt, response):
    with torch.no_grad():
        logits = shared_base()(torch.tensor([prompt + response.ids])).logits[0]
    return torch.log_softmax(logits[len(prompt) - 1 : -1], -1)


@pytest.mark.parametrize("seed", range(4))
def test_the_record_can_be_recomputed_from_its_ids(seed):
    sampling = Sampling(seed=seed, repetition_penalty=1.1)
    response, prompt, _ = write(sampling)
    table = full_logprobs(prompt, response)
    raw = table[range(len(response.ids)), response.ids]
    torch.testing.assert_close(torch.tensor(response.raw), raw, rtol=0, atol=1e-4)
    opening = codec().encode("<think>\n")
    assert response.ids[: len(opening)] == opening
    assert response.forced[: len(opening)] == [True] * len(opening)
    assert (
        len({len(c) for c in (response.ids, response.forced, response.raw, response.sampled)}) == 1
    )
    text = codec().decode(response.ids)
    assert text.startswith("<think>\n" + response.outline)
    assert codec().decode(response.ids[response.prose_start : response.prose_end]) == response.prose
    assert response.stop_reason == "end"
    assert response.prose_end == len(response.ids) - 1, "the stop tag is the policy's act, not text"


def test_sampled_log_probs_are_those_after_the_processors():
    """At temperature 0.5 and nothing cut: log softmax(2 * logits), by hand from the raw ones."""
    response, prompt, _ = write(Sampling(seed=3, temperature=0.5, top_p=1.0, prose_tokens=60))
    table = torch.log_softmax(2 * full_logprobs(prompt, response), -1)
    for row, (token, forced) in enumerate(zip(response.ids, response.forced, strict=True)):
        if not forced:
            assert response.sampled[row] == pytest.approx(float(table[row, token]), abs=1e-3)


def test_the_same_seed_writes_the_same_and_another_does_not():
    first, second, other = (write(Sampling(seed=s, prose_tokens=40))[0].ids for s in (11, 11, 12))
    assert first == second
    assert first != other


def test_greedy_takes_the_likeliest_token_each_time():
    response, prompt, _ = write(Sampling(temperature=0, outline_tokens=20, prose_tokens=20))
    best = full_logprobs(prompt, response).argmax(-1).tolist()
    chosen = [i for i, forced in enumerate(response.forced) if not forced]
    assert [response.ids[i] for i in chosen] == [best[i] for i in chosen]


def test_an_outline_over_its_budget_is_closed_by_the_program():
    response, _, _ = write(Sampling(seed=1, outline_tokens=5))
    sampled = response.forced[len(codec().encode("<think>\n")) :]
    assert sampled[:5] == [False] * 5
    assert sampled[5:8] == [True] * 3, "a line's end, the tag and its line's end"
    assert codec().decode(response.ids).count("<story>") == 1
    assert response.prose.strip()


def test_a_model_that_ends_inside_its_plan_writes_all_the_same(monkeypatch):
    """Every draw of the plan gives the end-of-text token: dropped, and the prose opened."""
    end = codec().encode("<eos>")[0]
    from talecraft.engine import decoding

    class Ending(decoding.Sampler):
        calls = 0

        def draw(self, logits, written, text, without=()):
            Ending.calls += 1
            if Ending.calls == 4:
                return end, -1.0, -1.0
            return super().draw(logits, written, text)

    monkeypatch.setattr(decoding, "Sampler", Ending)
    response, prompt, session = write(Sampling(seed=2, prose_tokens=40))
    assert end not in response.ids[: response.prose_start]
    assert response.forced[response.prose_start - 1]
    assert response.prose.strip()
    assert session.ids[: len(prompt)] == prompt
    raw = full_logprobs(prompt, response)[range(len(response.ids)), response.ids]
    torch.testing.assert_close(torch.tensor(response.raw), raw, rtol=0, atol=1e-4)


def test_prose_over_its_budget_may_finish_its_sentence():
    for seed in range(3):
        response, _, _ = write(Sampling(seed=seed, prose_tokens=12))
        used = len(response.ids) - response.prose_start
        assert used <= 12 + GRACE
        if response.stop_reason == "length" and used < 12 + GRACE:
            assert response.prose.rstrip().rstrip("\"'").endswith((".", "!", "?"))


@pytest.mark.parametrize(
    ("prose", "over"),
    [
        ("He ran.", True),
        ("He ran", False),
        ('He said, "I ran.', False),  # the quotation is still open
        ('He said, "I ran."', True),
        ("He said, “I ran.", False),
        ("He said, “I ran.”", True),
        ('"I ran. And now?\nHe was tired.', True),  # closed with its paragraph
        ("The dogs' dinner. It's late.", True),
        ("", False),
        ("Er sagte: „Ich lief.“ Dann ging er.", True),
        ("Er sagte: „Ich lief.", False),
        ('The 5" pipe broke.', True),
        ('Go now," he said. She left.', True),  # a quotation of the paragraph before
    ],
)
def test_prose_may_end_where_a_sentence_and_its_quotation_do(prose, over):
    assert may_end(prose) is over


def test_a_given_plan_is_followed_as_it_is():
    plan = "- The fox finds a golden key\n- The fox gives the key to a bird"
    pieces = []
    response, _, _ = write(Sampling(seed=5), outline=plan, pieces=pieces)
    assert response.outline.strip() == plan
    assert all(response.forced[: response.prose_start])
    assert not any(response.forced[response.prose_start :])
    assert codec().decode(response.ids).startswith(f"<think>\n{plan}\n<story>\n")
    assert response.prose.strip()
    assert pieces[0].part == "think"


def test_a_cancel_keeps_what_came():
    told = []
    response, _, _ = write(
        Sampling(seed=1), cancelled=lambda: len(told) >= 30 or told.append(1) is not None
    )
    assert response.stop_reason == "cancelled"
    assert len([f for f in response.forced if not f]) == 30
    assert response.prose_end == len(response.ids)


def test_a_cancel_in_the_plan_leaves_no_prose():
    told = []
    response, _, _ = write(
        Sampling(seed=1), cancelled=lambda: len(told) >= 4 or told.append(1) is not None
    )
    assert response.outline.strip()
    assert response.prose == ""
    assert response.prose_start == response.prose_end == len(response.ids)


def test_the_next_turn_reads_only_what_is_new():
    made = codec()
    first, prompt, session = write(Sampling(seed=1, prose_tokens=40))
    blocks = [PREMISE, Block("", first.ids[: first.prose_end]), Block("<story>\nThen it rained.\n")]
    follow = assemble(blocks, made, 700).ids
    assert follow[: len(prompt) + first.prose_end] == prompt + first.ids[: first.prose_end]
    read = []
    original = session.feed
    session.feed = lambda ids, last_only=False: (read.extend(ids), original(ids, last_only))[1]
    kept = session.read(follow, never, ignore)
    assert len(read) <= len(made.encode("<story>\nThen it rained.\n")) + 2
    fresh = Session(shared_base(), "cpu").read(follow, never, ignore)
    torch.testing.assert_close(kept, fresh, rtol=1e-4, atol=1e-4)


def test_reading_stops_between_chunks_and_keeps_what_was_read():
    session = Session(shared_base(), "cpu")
    prompt = codec().encode("word " * 600)
    calls = []
    with pytest.raises(ReadingCancelled):
        session.read(prompt, lambda: len(calls) == 2, lambda *_: calls.append(1))
    assert len(session.ids) == 256
    fresh = Session(shared_base(), "cpu").read(prompt, never, ignore)
    torch.testing.assert_close(session.read(prompt, never, ignore), fresh, rtol=1e-4, atol=1e-4)


def test_rewinding_to_a_fork_gives_the_forks_own_logits():
    made = codec()
    session = Session(shared_base(), "cpu")
    session.read(made.encode("Once upon a time there was a fox who"), never, ignore)
    fork = made.encode("Once upon a time there was an owl")
    fresh = Session(shared_base(), "cpu").read(fork, never, ignore)
    torch.testing.assert_close(session.read(fork, never, ignore), fresh, rtol=1e-4, atol=1e-4)


def test_half_a_character_is_never_shown():
    pieces = []
    response, _, _ = write(Sampling(seed=7, temperature=3.0, top_p=1.0), pieces=pieces)
    text = "".join(piece.text for piece in pieces)
    assert text == response.outline + response.prose
    assert len(response.raw) == len(response.ids)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])  # after 3 the model says so itself
def test_asked_for_the_end_the_plan_says_so_and_the_record_is_exact(seed):
    """Whether the model closes its plan itself or the program does: the beat stands last, forced,
    and what comes after it is the model's."""
    sampling = Sampling(seed=seed, outline_tokens=64 if seed % 2 else 8)
    pieces = []
    response, prompt, session = write(sampling, pieces=pieces, ending=True)
    assert response.outline.endswith("\n- The end\n")
    assert response.outline.count("- The end") == 1
    text = codec().decode(response.ids)
    assert text.startswith(f"<think>\n{response.outline}<story>\n")
    table = full_logprobs(prompt, response)
    raw = table[range(len(response.ids)), response.ids]
    torch.testing.assert_close(torch.tensor(response.raw), raw, rtol=0, atol=1e-4)
    begins = len(codec().encode("<think>\n"))
    closing = codec().encode("- The end\n<story>\n")
    assert response.forced[:begins] == [True] * begins
    assert response.forced[response.prose_start - len(closing) : response.prose_start] == (
        [True] * len(closing)
    )
    assert not any(response.forced[response.prose_start :])
    assert "".join(one.text for one in pieces if one.part == "think") == response.outline
    assert "".join(one.text for one in pieces if one.part == "prose") == response.prose
    kept = len(prompt) + len(response.ids)
    assert session.ids == (prompt + response.ids)[: len(session.ids)]
    assert len(session.ids) >= kept - 1


def test_a_given_plan_is_asked_to_end_once():
    asked, _, _ = write(Sampling(seed=1, prose_tokens=24), outline="- a fox", ending=True)
    assert asked.outline == "- a fox\n- The end\n"
    twice = "- a fox\n- The end"
    already, _, _ = write(Sampling(seed=1, prose_tokens=24), outline=twice, ending=True)
    assert already.outline == "- a fox\n- The end\n"


def test_a_model_that_says_the_end_itself_is_not_overwritten(monkeypatch):
    """What the policy chose is recorded as its choice, tag included."""
    plain, _, _ = write(Sampling(seed=1))
    monkeypatch.setattr(type(codec().style), "asked_to_end", lambda self, outline: "")
    same, _, _ = write(Sampling(seed=1), ending=True)
    assert same.ids == plain.ids
    assert same.forced == plain.forced


def test_a_passage_goes_on_from_how_it_begins():
    made, begun = codec(), "The fox had never seen so many apples, and"
    pieces = []
    session = Session(shared_base(), "cpu")
    prompt = assemble((PREMISE,), made, 700).ids
    logits = session.read(prompt, never, ignore)
    writer = Writer(session, made, Sampling(seed=3, prose_tokens=20), pieces.append)
    response = writer.write(logits, never, "- The fox counts apples", prose=begun)
    assert response.prose.startswith(begun)
    assert len(response.prose) > len(begun)
    assert response.outline == "- The fox counts apples\n"
    assert "".join(p.text for p in pieces if p.part == "prose") == response.prose
    forced = sum(response.forced)
    assert all(response.forced[:forced]), "what is given stands first"
    assert len(response.ids) - forced <= 20 + GRACE, "the budget is for what the model adds"
    assert made.decode(response.ids[response.prose_start : response.prose_end]) == response.prose
    table = full_logprobs(prompt, response)
    raw = table[range(len(response.ids)), response.ids]
    torch.testing.assert_close(torch.tensor(response.raw), raw, rtol=0, atol=1e-4)


def test_a_passage_without_a_plan_goes_on_without_one():
    session = Session(shared_base(), "cpu")
    logits = session.read(assemble((PREMISE,), codec(), 700).ids, never, ignore)
    writer = Writer(session, codec(), Sampling(seed=3), ignore)
    response = writer.write(logits, never, None, prose="Once, an")
    assert response.outline == ""
    assert response.prose.startswith("Once, an")
    assert codec().decode(response.ids).startswith("<story>\nOnce, an")


@pytest.mark.parametrize(("seed", "budget"), [(1, 64), (2, 64), (1, 6)])
def test_a_plan_alone_ends_where_the_prose_would_begin(seed, budget):
    pieces = []
    session = Session(shared_base(), "cpu")
    logits = session.read(assemble((PREMISE,), codec(), 700).ids, never, ignore)
    sampling = Sampling(seed=seed, outline_tokens=budget)
    writer = Writer(session, codec(), sampling, pieces.append)
    response = writer.write(logits, never, plan_only=True)
    assert response.stop_reason == "plan"
    assert response.outline.strip()
    assert response.prose == ""
    assert {piece.part for piece in pieces} == {"think"}
    whole, _, _ = write(Sampling(seed=seed))
    assert whole.outline.startswith(response.outline), "it is the plan that would have been"
