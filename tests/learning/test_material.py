"""Tales as sequences: what is held back, what is learned of them, and in which order."""

import msgspec
import pytest

from talecraft.config import models
from talecraft.corpus.tales import Passage
from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.learning import material
from talecraft.learning.material import Lessons
from talecraft.learning.scribe import Piece, Scribe
from talecraft.paths import home
from talecraft.process import run_client
from talecraft.process.run_events import PatternSettings
from talecraft.story.context import Block, PromptStyle, blocks
from talecraft.story.turns import Story, Turn
from tests.support import tales as hand
from tests.support.models import tokenizer

EOS = 1
STYLES = ("tags", "plain", "chat")
TEMPLATE = "{% for m in messages %}<user>{{ m['content'] }}</user>{% endfor %}<bot>"


def style(name: str) -> PromptStyle:
    catalogue = models.load(home())
    return next(catalogue.style(spec) for spec in catalogue if spec.style == name)


def scribe(name: str = "tags", room: int = 1024) -> Scribe:
    return Scribe.of(Codec(tokenizer(), style(name), {EOS}), tokenizer(), room)


@pytest.fixture(autouse=True)
def template(monkeypatch):
    monkeypatch.setattr(tokenizer(), "chat_template", TEMPLATE)


# ---------------------------------------------------------------------- what is held back
@pytest.mark.parametrize("premises", [1, 4, 200])
def test_an_instruction_above_every_tale_holds_no_more_back_than_asked(premises):
    made = [
        msgspec.structs.replace(one, premise=f"Write story {at % premises}.")
        for at, one in enumerate(hand.tales(200))
    ]
    for seed in range(5):
        train, held = material.split(made, 0.1, seed)
        assert 4 <= len(held) <= 40, (premises, seed)
        assert len(train) + len(held) == 200


def test_tags_in_a_tales_own_words_are_no_tags():
    tale = hand.tales(1)[0]
    passage = Passage(("A <story>key", "An owl"), "It hid. <eos> It ran. <think> Then.")
    odd = msgspec.structs.replace(tale, premise="A <eos>fox", passages=(passage,))
    made = scribe()
    (piece,) = made.pieces(made.untagged(odd))
    ids = made.encode(piece).ids
    for tag in ("<think>", "<story>"):
        assert ids.count(tokenizer().convert_tokens_to_ids(tag)) == 1
    assert ids.count(EOS) == 1
    assert ids[-1] == EOS


def test_the_split_is_by_tale_and_the_same_each_time():
    tales = hand.tales(40)
    train, held = material.split(tales, 0.1, 7)
    assert len(held) == 4
    assert {one.premise for one in train} | {one.premise for one in held} == {
        one.premise for one in tales
    }
    assert not {one.premise for one in train} & {one.premise for one in held}
    assert material.split(tales, 0.1, 7) == (train, held)
    assert material.split(tales, 0.1, 8) != (train, held)


def test_tales_of_one_premise_or_with_a_passage_in_common_stay_together():
    """WritingPrompts has many stories of one prompt: what was learned would be asked."""
    tales = hand.tales(30)
    same_premise = [
        msgspec.structs.replace(one, premise=f"A  Prompt {at // 3}.")
        for at, one in enumerate(tales)
    ]
    same_prose = [
        msgspec.structs.replace(one, passages=tales[at // 3].passages)
        for at, one in enumerate(tales)
    ]
    for made, of in (
        (same_premise, lambda one: one.premise),
        (same_prose, lambda one: one.passages),
    ):
        for seed in range(20):
            train, held = material.split(made, 0.1, seed)
            assert held
            assert not set(map(of, train)) & set(map(of, held)), seed


def test_what_is_told_twice_is_learned_once_and_what_has_no_plan_not_at_all():
    first = hand.tale(1)
    again = msgspec.structs.replace(first, source="another row")
    unplanned = msgspec.structs.replace(hand.tale(2), passages=(Passage((), "Only prose."),))
    kept, left = material.told([first, again, unplanned])
    assert kept == [first]
    assert left == [
        f"another row (the same as {first.source})",
        f"{unplanned.source} (no plan in it)",
    ]


def test_a_run_keeps_its_tales(tmp_path):
    data = hand.written(tmp_path / "data.jsonl", hand.tales(5))
    read = material.gather(tmp_path, str(data))
    assert len(read) == 5
    assert (tmp_path / run_client.TALES).stat().st_mode & 0o077 == 0
    data.write_text("")
    assert material.gather(tmp_path, str(data)) == read, "whatever became of the file"


# ---------------------------------------------------------------------- as the page shows them
@pytest.mark.parametrize("name", STYLES)
def test_a_tale_is_read_as_the_engine_prompts_and_forces_it(name):
    """The ids before what is learned are those that the engine would have put there."""
    made, one = scribe(name), hand.tale(3, turns=2)
    lesson = made.encode(Piece(one))
    forced = made.codec.encode(made.codec.style.think_open)
    prompt = made.codec.premise(Block(f"{made.codec.style.premise_open}{one.premise}\n"))
    begin = prompt + forced
    assert lesson.ids[: len(begin)] == begin
    assert not any(lesson.learned[: len(begin)])
    assert all(lesson.learned[len(begin) :]), "the rest is the model's, and the next plan's tag"
    text = made.codec.decode(lesson.ids[len(begin) :])
    plan = "".join(f"- {beat}\n" for beat in one.passages[0].outline)
    assert made.codec.style.think_open.endswith("- ") is (name == "plain")
    assert text.startswith(plan.removeprefix("- ") if name == "plain" else plan)
    assert text.count(made.codec.style.prose_tag) == 2
    assert text.count(made.codec.style.think_open) == 1, "it ends the first turn"
    assert lesson.ids[-1] == EOS, "and this the last one"
    assert lesson.ids.count(EOS) == 1


@pytest.mark.parametrize("name", STYLES)
def test_what_closes_a_plan_and_ends_a_turn_is_marked(name):
    made, one = scribe(name), hand.tale(3, turns=2)
    lesson = made.encode(Piece(one))
    style = made.codec.style
    planned, ended = (_runs(made, lesson, marks) for marks in (lesson.planning, lesson.ending))
    assert ended == [f"\n{style.think_open}", "\n<eos>"]
    for turn in one.passages:
        *lines, closed = planned[: len(turn.outline)]
        assert [line[-1] for line in lines] == ["\n"] * (len(turn.outline) - 1)
        assert closed.endswith(f"\n{style.prose_tag}")
        del planned[: len(turn.outline)]
    assert not planned
    for marks in (lesson.planning, lesson.ending):
        assert not any(m and not k for m, k in zip(marks, lesson.learned, strict=True))


def _runs(made, lesson, marks):
    """The stretches of tokens that are marked, as text."""
    runs, last = [], False
    for token, marked in zip(lesson.ids, marks, strict=True):
        if marked and not last:
            runs.append([])
        if marked:
            runs[-1].append(token)
        last = marked
    return [made.codec.decode(run) for run in runs]


def test_a_tales_second_turn_follows_what_the_page_would_show():
    made, one = scribe(), hand.tale(3, turns=2)
    story = Story(1, "t", one.premise, None, "", "", False)
    first = one.passages[0]
    plan = "\n".join(f"- {beat}" for beat in first.outline)
    turn = Turn(1, 1, None, "model", plan, first.prose, "")
    shown = "".join(block.text for block in blocks(story, [turn], made.codec.style, "m@r"))
    text = made.codec.decode(list(made.encode(Piece(one)).ids))
    assert text.startswith(shown + made.codec.style.think_open)


def test_an_example_stands_before_the_prompt_and_is_not_learned():
    made = scribe()
    shown, one = hand.tale(1), hand.tale(2)
    alone, both = made.encode(Piece(one)), made.encode(Piece(one), shown)
    assert both.ids[-len(alone.ids) :] == alone.ids
    assert both.learned[-len(alone.ids) :] == alone.learned
    before = both.ids[: -len(alone.ids)]
    assert not any(both.learned[: len(before)])
    assert shown.passages[0].prose in made.codec.decode(list(before))


def test_the_writers_own_passages_and_those_read_before_are_not_learned():
    made = scribe()
    own = Passage((), "The writer wrote this line.")
    one = hand.tale(4, turns=3)
    mixed = msgspec.structs.replace(one, passages=(own, *one.passages))
    lesson = made.encode(Piece(mixed, first=2))
    learned = made.codec.decode(
        [token for token, is_learned in zip(lesson.ids, lesson.learned, strict=True) if is_learned]
    )
    assert "The writer wrote" not in learned
    assert "day 0" not in learned
    assert "day 1" in learned
    assert "day 2" in learned


def test_a_long_tale_is_cut_at_passages_each_after_the_premise_and_one_passage():
    made, one = scribe(room=150), hand.tale(5, turns=7)
    pieces = list(made.pieces(one))
    assert len(pieces) > 2
    assert [piece.ends for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    learned = [passage for piece in pieces for passage in piece.tale.passages[piece.first :]]
    *others, last = one.passages
    ended = msgspec.structs.replace(last, outline=(*last.outline, "The end"))
    assert learned == [*others, ended], "each passage is learned once, in order"
    assert pieces[1].first == 1
    for piece in pieces:
        assert piece.tale.premise == one.premise
        assert len(made.encode(piece).ids) <= 150
    (whole,) = scribe().pieces(one)
    assert (len(whole.tale.passages), whole.first, whole.ends) == (7, 0, True)


@pytest.mark.parametrize("name", STYLES)
def test_the_last_plan_of_several_says_that_it_is_the_last_as_the_page_asks_for_it(name):
    made = scribe(name)
    (piece,) = made.pieces(hand.tale(3, turns=2))
    text = made.codec.decode(list(made.encode(piece).ids))
    *before, last = text.split(made.codec.style.prose_tag)
    assert before[-1].rstrip().endswith(made.codec.style.ending)
    assert text.count(made.codec.style.ending) == 1
    assert last.rstrip().endswith("<eos>")
    (alone,) = made.pieces(hand.tale(3))
    assert alone.tale == hand.tale(3), "a tale of one turn would end every one"


def test_a_model_without_an_end_of_text_cannot_learn_to_end():
    with pytest.raises(EngineError, match="no token that ends a text"):
        Scribe.of(Codec(tokenizer(), style("tags"), set()), tokenizer(), 100)


# ---------------------------------------------------------------------- the order of a run
SETTINGS = PatternSettings(epochs=4, batch=8, one_shots=3, one_shot=0.8, one_shot_until=0.5)


def lessons(seed: int = 1, name: str = "tags") -> Lessons:
    made = scribe(name)
    return Lessons(material.prepare(hand.tales(60), made, SETTINGS, seed), made, SETTINGS, seed)


def test_each_epoch_has_every_piece_once_in_an_order_of_its_own():
    made = lessons()
    texts = [tuple(made[at].ids[-40:]) for at in range(len(made))]
    pieces = 54  # sixty less a tenth
    assert made.steps == 27
    assert len(made) == 27 * 8
    # A step's sequences are put in order among themselves: epochs differ by whole steps.
    first = set(texts[:48])
    assert len(first) == 48
    assert len(set(texts)) == pieces
    assert texts[:pieces] != texts[pieces : 2 * pieces]
    again = lessons()
    assert [tuple(again[at].ids[-40:]) for at in range(len(again))] == texts
    assert [tuple(lessons(2)[at].ids[-40:]) for at in range(8)] != texts[:8]


def test_examples_are_fewer_and_fewer_and_then_none():
    made = lessons()
    shares = [made.one_shot_share(step) for step in range(1, made.steps + 1)]
    early, middle, late = sum(shares[:7]), sum(shares[7:14]), sum(shares[14:])
    assert early > middle > late == 0
    assert early / 7 > 0.4
    longer = [len(made[at].ids) > 120 for at in range(len(made))]
    assert any(longer[:56])
    assert not any(longer[112:])


def test_a_chat_model_is_told_by_its_system_prompt_and_gets_no_examples():
    made = lessons(name="chat")
    assert all(made.one_shot_share(step) == 0 for step in range(1, made.steps + 1))


def test_an_example_that_leaves_no_room_is_left_out():
    made = scribe(room=90)
    settings = msgspec.structs.replace(SETTINGS, one_shot=1.0, one_shot_until=10.0)
    every = Lessons(material.prepare(hand.tales(60), made, settings, 1), made, settings, 1)
    for at in range(len(every)):
        assert every[at].ids[-1] == EOS, "nothing of the tale itself was cut off"
