"""The page's composer: while it is empty, digits and signs score the last passage."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult
from textual.document._edit import Edit

from talecraft.app.widgets.ghost import GhostComposer

TEXT_SECONDS = 1.5  # after this a score is a score, whatever is typed next
QUICK_SECONDS = 0.3  # so quickly a number goes on: "1984", "20 years", "3rd"
StepWay = Literal["new", "undo", "redo"]
_ORDINALS = frozenset(("1s", "2n", "3r", "4t", "5t"))


class ScoringComposer(GhostComposer):
    """A composer that, while it is empty, scores the last passage with digits and signs.

    `scored_last` says that a score was the last thing done here: see `takes_score_back`. What the
    writer has changed in the story since a text was typed (`stepped`) is what Ctrl+Z means first.

    "3 wolves", "1984" and "- Who goes?" begin like scores. When the next key shows that a text was
    meant, the score is put back as it was and its keys become text; so they do where nothing could
    be scored just then.
    """

    CONTINUES: ClassVar[tuple[str, ...]] = tuple(" .,):;'\"-–—")

    HELP = "Scoring"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n), f"rate({n})", "Score", show=False,
                    tooltip="In an empty composer: score the last passage, 1 to 5", id=f"score.{n}")
            for n in range(1, 6)
        ),
        Binding("plus", "thumb(1)", "Like", show=False,
                tooltip="In an empty composer: like the last passage", id="score.like"),
        Binding("minus", "thumb(-1)", "Dislike", show=False,
                tooltip="In an empty composer: dislike the last passage", id="score.dislike"),
        Binding("ctrl+z", "take_back", "Take score back", show=False,
                tooltip="Undo typing; in an empty composer take back the score just given, else"
                " the last change of the story", id="story.undo"),
        Binding("ctrl+y", "do_again", "Redo", show=False,
                tooltip="Do again what was taken back", id="story.redo"),
    ]  # fmt: skip

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder)
        self.scored_last = False
        self._steps = 0  # of the writer's in the story since a text was typed
        self._taken_back = 0  # of the story's, since then
        self._pressed = ""  # what the key that is being handled would type
        self._score_keys = ""  # the keys of a score, given or not, while they may still be text
        self._keys_before = ""  # the same, before the key that is being handled
        self._key_at = 0.0
        # Is the score being given one of a row of keys that may still turn out to be text?
        self.amending = False

    async def _on_key(self, event: events.Key) -> None:
        """Textual calls the base class's handler after this one, unless it is prevented."""
        character = event.character or ""
        passed = event.time - self._key_at
        self._keys_before = self._score_keys if passed < TEXT_SECONDS else ""
        self._key_at, self._pressed, self._score_keys = event.time, character, ""
        if self._keys_before and self._goes_on(character, passed < QUICK_SECONDS):
            if self.scored_last:
                await self.run_action("screen.unscore")
            self.type_in(self._keys_before + character)
            event.stop()
            event.prevent_default()

    def _goes_on(self, character: str, quick: bool) -> bool:
        """Does this make a text of the keys that have just scored?"""
        before = self._keys_before
        if character in self.CONTINUES:
            return character != "-" or before == "-"
        if not character or not quick or not before[-1].isdigit():
            return False
        return character in "06789" or before[-1] + character in _ORDINALS

    def edit(self, edit: Edit) -> EditResult:
        if edit.text or edit.top != edit.bottom:  # to delete nothing is no edit
            self.scored_last = False
            self._steps = self._taken_back = 0
        return super().edit(edit)

    def stepped(self, how: StepWay) -> None:
        """The writer has changed the story, or taken a change back, or done it again."""
        if how == "undo":
            self._steps, self._taken_back = max(0, self._steps - 1), self._taken_back + 1
        else:
            self._taken_back = max(0, self._taken_back - 1) if how == "redo" else 0
            self._steps += 1

    @property
    def takes_score_back(self) -> bool:
        """Whether Ctrl+Z would take a score back now, and not undo typing."""
        return not self.text and self.scored_last

    def set_text(self, text: str) -> None:
        super().set_text(text)
        self.scored_last = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("rate", "thumb"):
            return not self.text and self.screen.check_action(action, parameters)
        return super().check_action(action, parameters)

    async def action_rate(self, value: int) -> None:
        await self._score(f"screen.rate({value})")

    async def action_thumb(self, value: int) -> None:
        await self._score(f"screen.thumb({value})")

    async def _score(self, action: str) -> None:
        """The screen says that it has scored by `scored_last`."""
        self.amending = bool(self._keys_before) and self.scored_last
        self.scored_last = False
        await self.run_action(action)
        self._score_keys = self._keys_before + self._pressed

    async def action_take_back(self) -> None:
        """Undo what was done last: the score, typing, or a change of the story."""
        if self.takes_score_back:
            await self.run_action("screen.unrate_last")
        elif self.history.undo_stack and not self._steps:
            self._taken_back = 0
            self.undo()
        elif not await self.app.run_action("screen.undo_step", self):
            await self.run_action("screen.say_why_not")

    async def action_do_again(self) -> None:
        if self.history.redo_stack and not self._taken_back:
            self.redo()
        elif not await self.app.run_action("screen.redo_step", self):
            await self.run_action("screen.say_why_not")
