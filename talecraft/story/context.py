"""What the model is shown: the story and the writer's notes as blocks of text.

The writing side builds blocks (it knows the tree), the engine counts them (it knows the
tokeniser) and fits them to its window (story/window.py); the rules of both are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from talecraft.story import sofar
from talecraft.story.notes import Calling, Entry, Notes
from talecraft.story.turns import Source, Story, Turn


class PromptStyle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is shown a story: the tags of the pattern it was trained on, or a chat.

    `ending` is the beat that asks the model to bring the story to its end. With `chat` the premise
    goes into the user's message of the model's own chat template, under `system`, and the
    manuscript is the assistant's message, so far as it is written. `example` is a short tale in
    this form that stands before every prompt of a model that has not learned the pattern. `aside`
    is how a note of the writer's stands in the midst of the text.
    """

    premise_open: str = "<prompt>\n"
    think_open: str = "<think>\n"
    story_open: str = "<story>\n"
    stops: tuple[str, ...] = ("<think>", "<story>", "<prompt>", "<eos>")
    ending: str = "- The end"
    chat: bool = False
    system: str = ""
    example: str = ""
    aside: str = "[{}]"

    @property
    def around(self) -> tuple[str, str]:
        """What stands before an aside, and after it."""
        before, _, after = self.aside.partition("{}")
        return before, after

    @property
    def prose_tag(self) -> str:
        """The tag by which the model itself ends its outline."""
        return self.story_open.strip()

    @property
    def last_beat(self) -> str:
        """The beat that asks for the end, without its dash."""
        return self.ending.removeprefix("- ")

    def opening_of_prose(self, outline: str) -> str:
        """What the program writes after `outline` to open the prose, on a line of its own."""
        begins_a_line = outline.endswith("\n") or self.story_open.startswith("\n")
        return self.story_open if begins_a_line else "\n" + self.story_open

    def asked_to_end(self, outline: str) -> str:
        """What the program adds to `outline` for the story to end with this passage; '' where the
        plan says so already."""
        if outline.rstrip().rpartition("\n")[2].removeprefix("- ") == self.last_beat:
            return ""
        if not outline.strip() and self.think_open.endswith("- "):  # the dash stands already
            return self.last_beat + "\n"
        return ("" if outline.endswith("\n") or not outline else "\n") + self.ending + "\n"


class Block(msgspec.Struct, frozen=True):
    """A stretch of context. `ids`, where given, are the very tokens the model once wrote.

    `end` is the last of `text`, which stays where it is shortened. `name` tells it from others of
    its `source`: an entry's title, a passage's number. What stands
    for a passage once it has left is its `beat`; the summary's `earlier` are those of passages that
    are not among the blocks at all. `left` says why it is not shown, whatever room there is; `late`
    that it stands among the passages.
    """

    text: str
    ids: list[int] = []
    source: Source = "text"
    end: str = ""
    name: str = ""
    beat: str = ""
    earlier: list[str] = []
    left: str = ""
    late: bool = False
    priority: int = 0
    limit: int = 0


LATE, LATE_STEP = 2, 4  # at least so many passages follow what is called; the place moves in steps
MOST_BEATS = 256  # of passages that are not among the blocks


def blocks(
    story: Story,
    path: Sequence[Turn],
    style: PromptStyle,
    model: str,
    notes: Notes | None = None,
    before: Sequence[Turn] = (),
    begun: str = "",
) -> list[Block]:
    """The story up to the end of `path`, premise first, and what `notes` tell; `before` are the
    passages before `path`, too far back to be shown; `begun` is what is being written, which calls
    entries as the newest passages do.

    `model` is `id@revision`: only its own tokens are passed on as ids, others are re-tokenised.
    What always holds stands before the first passage; what is called, and the author's note, as
    late as may be, so that they weigh more and little has to be read anew when they change.
    """
    notes = notes or Notes()
    head = [_line("premise", story.premise.strip(), style.premise_open)]
    if notes.memory.strip():
        head.append(_line("memory", _untagged(notes.memory, style)))
    passages = [
        _passage(number, turn, style, model, notes)
        for number, turn in enumerate(path, 1 + len(before))
    ]
    told = [story.premise, *(turn.prose for turn in path), *([begun] if begun else [])]
    calling = Calling(told)
    entries = [_entry(one, calling, style) for one in notes.ordered]
    head += [one for one in entries if one.left or not one.late]
    head += _summary(notes, before, style)
    late = [one for one in entries if one.late and not one.left]
    late_at = max(0, len(path) - LATE)
    late_at = max(0, late_at - (len(before) + late_at) % LATE_STEP)
    asides = {late_at: late}
    if notes.note.text.strip():
        at = max(0, len(path) - notes.note.depth)
        note = _line("note", _untagged(notes.note.text, style), *style.around)
        asides[at] = [*asides.get(at, ()), note]
    text = []
    for at, passage in enumerate(passages):
        text += [*asides.pop(at, ()), passage]
    return [*head, *text, *(one for rest in asides.values() for one in rest)]


def _line(source: Source, text: str, opening: str = "", close: str = "", **more: Any) -> Block:
    """A line of its own. Where it is shortened its `close` stays."""
    end = f"{close}\n"
    return Block(f"{opening}{text}{end}", source=source, end=end, **more)


def _untagged(text: str, style: PromptStyle) -> str:
    """A note without what the model takes for the beginning of something else."""
    text = text.strip()
    for tag in style.stops:
        if tag.strip() and tag.strip() in text:
            text = text.replace(tag.strip(), tag.strip().strip("<>/"))
    return text


def _entry(entry: Entry, calling: Calling, style: PromptStyle) -> Block:
    around = ("", "") if entry.always else style.around
    return _line(
        entry.kind, _untagged(entry.told, style), *around, name=entry.title,
        left=calling.why_not(entry), late=not entry.always, priority=entry.priority,
        limit=entry.limit,
    )  # fmt: skip


def _summary(notes: Notes, before: Sequence[Turn], style: PromptStyle) -> list[Block]:
    """The writer's summary, and the beats of what came after it and is not among the blocks."""
    rest = [turn for turn in before if turn.id > notes.summary.upto]  # else it is told already
    # More than fit any window are never sent; which these are changes as seldom as it may.
    earlier = [sofar.beat(turn) for turn in sofar.faded(rest, MOST_BEATS)]
    text = _untagged(notes.summary.text, style)
    told = Block(text, source="summary", earlier=[one for one in earlier if one])
    return [told] if told.text or told.earlier else []


def _passage(number: int, turn: Turn, style: PromptStyle, model: str, notes: Notes) -> Block:
    text = f"{style.story_open}{turn.prose.strip()}\n"
    ids: list[int] = []
    if turn.author == "model" and notes.plans:
        if turn.outline.strip():
            text = f"{style.think_open}{turn.outline.strip()}\n{text}"
        made = turn.generation if not turn.revision else None  # ids are those of its first text
        if made is not None and f"{made.model_id}@{made.revision}" == model:
            ids = made.response_ids[: made.prose_end]
    told = notes.summary.upto and turn.id <= notes.summary.upto
    return Block(text, ids, name=str(number), beat="" if told else sofar.beat(turn))
