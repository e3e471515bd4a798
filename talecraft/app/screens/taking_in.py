"""A paste that no composer can hold goes into the story, and the page stays quick meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from textual import work
from textual.message import Message

from talecraft.app.screens.drafts import DraftScreen
from talecraft.app.text import count
from talecraft.errors import TalecraftError

SOON_GONE = 1.5  # seconds


class TakingIn(DraftScreen):
    """A page of one story that can take in a long text."""

    class TakenIn(Message):
        """So many words of `text` are in the story now; or none, because of `error`."""

        def __init__(self, text: str, words: int, error: TalecraftError | None = None) -> None:
            self.text, self.words, self.error = text, words, error
            super().__init__()

    def __init__(self, story_id: int) -> None:
        super().__init__()
        self.story_id: int = story_id
        self.taking_in = False

    @property
    def busy(self) -> str:
        """Why the story cannot be changed now, in words; '' where it can."""
        app = self.talecraft
        if app.live is not None:
            return "The model is still writing."
        if app.studio.alternatives.waiting is not None:
            return "Other versions are being written."
        if self.taking_in:
            return "The paste is still being put into the story."
        return ""

    @property
    def why_not(self) -> str:
        """Why a key can do nothing now; '' where it is the text that has nothing for it."""
        return self.busy

    def action_say_why_not(self) -> None:
        """A key that can do nothing now was pressed."""
        # Gone soon, and no advice: a small model may have finished before this is read.
        words = self.why_not or "There is nothing to do that with just now."
        self.app.notify(words, timeout=SOON_GONE, markup=False)

    def free(self) -> bool:
        """May the story be changed now? Says why not."""
        if why := self.busy:
            self.talecraft.say(why)
        return not why

    def why_not_take_in(self) -> Callable[[], str]:
        return lambda: self.why_not and f"{self.why_not} Then choose again."

    def take_in(self, text: str) -> None:
        self.taking_in = True
        self._take_in(text)
        self.refresh_bindings()

    @work(thread=True, exit_on_error=False)
    def _take_in(self, text: str) -> None:
        try:
            words = self.talecraft.studio.writing.take_in(self.story_id, text)
            self.post_message(self.TakenIn(text, words))
        except TalecraftError as error:
            self.post_message(self.TakenIn(text, 0, error))

    def on_taking_in_taken_in(self, event: TakenIn) -> None:
        self.taking_in = False
        if event.error is not None:
            self.talecraft.tell(event.error)
            self.ask_what_to_do(event.text)  # nothing is lost
            return
        self.talecraft.say(f"{count(event.words, 'word')} are in the story now.", "Pasted")
        self.reload()

    def save_draft(self) -> bool:
        """Not quite yet where a text is on its way to the disk."""
        if self.taking_in:
            self.talecraft.say(self.busy)
        return super().save_draft() and not self.taking_in
