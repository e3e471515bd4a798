"""What the viewer shows is what the engine receives, to the last token."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talecraft.config import models
from talecraft.config.settings import WritingSettings
from talecraft.engine import prompting
from talecraft.engine.codec import Codec
from talecraft.errors import EngineError, UsageError
from talecraft.library import Library
from talecraft.paths import home
from talecraft.process import messages
from talecraft.process.messages import Examine, Failed, Generate, ModelRef
from talecraft.story.notes import Entry
from talecraft.story.turns import Generation, LeftOut, Sampling, Shown
from talecraft.studio.events import PromptFailed, PromptRead
from talecraft.studio.looking import Looking
from talecraft.studio.notebook import Notebook
from talecraft.studio.writing import Writing
from tests.support.models import tokenizer

TEMPLATE = "{% for m in messages %}<user>{{ m['content'] | trim }}</user>{% endfor %}<bot>"


class Wire:
    """An engine that keeps what it is asked, as it comes off the wire."""

    running = True

    def __init__(self):
        self.asked = []

    def generate(self, command):
        self.asked.append(messages.decode_command(messages.encode(command)))

    def cancel(self, request):
        pass


class Desk:
    """A library with one story, whoever writes it, and the model that is asked."""

    def __init__(self, folder, style="tags", window=1024, **sampling):
        self.library = Library(Path(folder) / "library.db")
        self.engine, self.told = Wire(), []
        self.style = models.load(home())._styles[style]
        self.model = ModelRef("m", "1", "/m", "none", window, self.style)
        self.settings = WritingSettings(**sampling)
        prompting_ = lambda story=None: (self.model, self.settings)  # noqa: E731
        self.writing = Writing(self.library, self.engine, self.told.append, prompting_)
        numbers = itertools.count(-1, -1)
        self.looking = Looking(self.library, self.engine, self.told.append, prompting_, numbers)
        self.notebook = Notebook(self.library)
        self.codec = Codec(tokenizer(), self.style, {1})

    def answer(self):
        """What the engine makes of what it was asked last, told to who asked."""
        command = self.engine.asked[-1]
        assert isinstance(command, Examine)
        event = prompting.examined(command, self.codec, self.model)
        self.looking.settle(messages.decode_event(messages.encode(event)))
        return self.told[-1]

    def received(self):
        """The prompt of the turn that was asked for last."""
        command = self.engine.asked[-1]
        assert isinstance(command, Generate)
        return prompting.prompt(command.blocks, self.codec, self.model, command.sampling)

    def record(self, window):
        """That turn, as it is recorded."""
        return Generation(
            "m", "1", "none", None, "eager", self.engine.asked[-1].sampling, window.ids, [5, 6, 1],
            [False] * 3, 1, 2, [0.0] * 3, [0.0] * 3, "end", 0.1, window.shown, window.left_out,
        )  # fmt: skip


prose = st.text("abcde .\n’é", min_size=1, max_size=300).filter(str.strip)
words = st.sampled_from(["ace", "bead", "cab", "dad", "é", "fee"])
entries = st.lists(
    st.builds(
        Entry,
        title=st.text("abcdef", min_size=1, max_size=9),
        text=prose,
        kind=st.sampled_from(["lore", "character"]),
        keys=st.lists(words, max_size=2).map(tuple),
        always=st.booleans(),
        priority=st.integers(-2, 2),
        scan=st.integers(1, 5),
        limit=st.sampled_from([0, 0, 3, 20]),
    ),
    max_size=5,
    unique_by=lambda one: one.title,
)


@pytest.fixture(autouse=True, scope="module")
def chats():
    before, tokenizer().chat_template = tokenizer().chat_template, TEMPLATE
    yield
    tokenizer().chat_template = before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    style=st.sampled_from(["tags", "plain", "chat", "reasoning"]),
    window=st.integers(500, 900),
    passages=st.lists(st.tuples(st.booleans(), prose), max_size=9),
    text=st.one_of(st.just(""), prose),
    memory=st.one_of(st.just(""), prose),
    note=st.tuples(st.one_of(st.just(""), prose), st.integers(0, 4)),
    summary=st.one_of(st.just(""), prose),
    plans=st.booleans(),
    lore=entries,
    data=st.data(),
)
def test_what_is_shown_is_what_is_received(
    style, window, passages, text, memory, note, summary, plans, lore, data
):
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(folder, style, window)
        story = desk.writing.new_story(data.draw(prose), "T").id
        for models_own, words_ in passages:
            if not models_own:
                desk.writing.say(story, words_)
                continue
            desk.writing.continue_story(story)
            leaf = desk.library.stories.get(story).leaf_id
            made = desk.record(desk.received())
            desk.library.stories.add_turn(story, leaf, "model", words_, "- a plan", made)
        written = desk.library.stories.path(desk.library.stories.get(story).leaf_id)
        desk.notebook.remember(story, memory)
        desk.notebook.tell_model(story, *note)
        desk.notebook.show_plans(story, plans)
        upto = data.draw(st.integers(0, len(written)))
        desk.notebook.sum_up(story, summary, upto)
        for one in lore:
            desk.notebook.keep(story, one, here=data.draw(st.booleans()))
        desk.looking.ahead(story, text)
        try:
            seen = desk.answer()
        except EngineError:  # the example and the turn leave no room at all
            assert window < 600
            return
        desk.writing.continue_story(story, text)
        received = desk.received()
        assert [token for one in seen.stretches for token in one.ids] == received.ids
        assert [Shown(o.source, o.name, len(o.ids)) for o in seen.stretches] == received.shown
        assert list(seen.left_out) == received.left_out
        assert len(received.ids) <= seen.budget
        for one in seen.stretches:
            if one.source != "form":
                assert "<user>" not in one.text, "what is the form's is not the writer's"
        desk.library.close()


def test_also_where_a_long_story_moves_its_beginning_on(tmp_path):
    desk = Desk(tmp_path, window=420, outline_tokens=20, prose_tokens=40)
    story = desk.writing.new_story("A fox.").id
    for number in range(70):
        desk.writing.say(story, f"It went on by river {number}. " + "It ran. " * 40)
        text = "More. " * (number % 90)
        desk.looking.ahead(story, text)
        seen = desk.answer()
        leaf = desk.library.stories.get(story).leaf_id
        desk.writing.continue_story(story, text)
        assert [token for one in seen.stretches for token in one.ids] == desk.received().ids, number
        desk.library.stories.open_leaf(story, leaf)


def test_a_plan_that_waits_takes_its_room(tmp_path):
    desk = Desk(tmp_path, window=500, outline_tokens=20, prose_tokens=40)
    story = desk.writing.new_story("A fox.").id
    for number in range(9):
        desk.writing.say(story, f"It went on by river {number}. " + "It ran. " * 20)
    desk.writing.continue_story(story)
    made = desk.record(desk.received())
    leaf = desk.library.stories.get(story).leaf_id
    plan = "- " + "it runs and runs " * 30
    desk.library.stories.add_turn(story, leaf, "model", "", plan, made)
    desk.looking.ahead(story)
    seen = desk.answer()
    desk.writing.continue_story(story)
    command = desk.engine.asked[-1]
    given = len(desk.codec.encode(command.outline))
    window = prompting.prompt(command.blocks, desk.codec, desk.model, command.sampling, given)
    assert given > 100
    assert [token for one in seen.stretches for token in one.ids] == window.ids
    desk.looking.ahead(story, "Instead.")
    assert desk.answer().budget > seen.budget


def test_a_look_back_shows_what_was_shown_then(tmp_path):
    desk = Desk(tmp_path)
    story = desk.writing.new_story("A fox.").id
    desk.notebook.remember(story, "It is winter.")
    desk.notebook.keep(story, Entry("Mill", "It burned."))
    desk.writing.continue_story(story)
    window = desk.received()
    turn = desk.library.stories.add_turn(story, None, "model", "It ran.", "", desk.record(window))
    desk.notebook.remember(story, "It is summer.")
    request = desk.looking.back(turn.id)
    seen = desk.answer()
    assert isinstance(seen, PromptRead)
    assert (seen.request, seen.turn_id) == (request, turn.id)
    assert [(one.source, one.text) for one in seen.stretches] == [
        ("premise", "<prompt>\nA fox.\n"), ("memory", "It is winter.\n"),
    ]  # fmt: skip
    assert seen.left_out == [LeftOut("lore", "Mill", 9, "not spoken of")]


def test_of_a_turn_recorded_without_them_the_parts_are_one(tmp_path):
    desk = Desk(tmp_path)
    story = desk.writing.new_story("A fox.").id
    desk.writing.continue_story(story)
    old = msgspec.structs.replace(desk.record(desk.received()), shown=[], left_out=[])
    turn = desk.library.stories.add_turn(story, None, "model", "It ran.", "", old)
    desk.looking.back(turn.id)
    assert [one.text for one in desk.answer().stretches] == ["<prompt>\nA fox.\n"]


def test_what_cannot_be_looked_at_is_said(tmp_path):
    desk = Desk(tmp_path)
    story = desk.writing.new_story("A fox.").id
    own = desk.writing.say(story, "Mine.")
    with pytest.raises(UsageError, match="your own"):
        desk.looking.back(own.id)
    desk.writing.continue_story(story)
    made = msgspec.structs.replace(desk.record(desk.received()), model_id="other")
    turn = desk.library.stories.add_turn(story, own.id, "model", "It ran.", "", made)
    with pytest.raises(UsageError, match="written by other"):
        desk.looking.back(turn.id)


def test_a_look_that_fails_is_told_and_one_given_up_is_not(tmp_path):
    desk = Desk(tmp_path)
    story = desk.writing.new_story("A fox.").id
    first = desk.looking.ahead(story)
    second = desk.looking.ahead(story, "More.")
    desk.looking.settle(Failed(first, "no"))
    assert desk.told == []
    desk.looking.settle(Failed(second, "It broke.", "Wait."))
    assert desk.told == [PromptFailed(second, "It broke.", "Wait.")]
    desk.looking.ahead(story)
    desk.looking.stop()
    desk.looking.settle(Failed(desk.engine.asked[-1].request, "late"))
    assert len(desk.told) == 1


def test_a_window_too_small_for_a_turn_is_one_clear_line(tmp_path):
    desk = Desk(tmp_path, window=300)
    story = desk.writing.new_story("A fox.").id
    desk.looking.ahead(story)
    with pytest.raises(EngineError, match="window of 300 tokens"):
        desk.answer()


def test_sampling_of_old_still_says_its_budget(tmp_path):
    desk = Desk(tmp_path)
    assert prompting.budget(desk.model, Sampling(), 100) == 1024 - 100 - 200 - 48
