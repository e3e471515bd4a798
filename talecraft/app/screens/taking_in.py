"""A paste that no composer can hold goes into the story, and the page stays quick meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from textual import work
from textual.message import Message

from talecraft.app.screens.drafts import DraftScreen
from talecraft.app.text import count
from talecraft.errors import TalecraftError


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

    def why_not_take_in(self) -> Callable[[], str]:
        writing = "The model is still writing. Choose again when it has finished."
        return lambda: writing if self.talecraft.live is not None else ""

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
            self.talecraft.say("The paste is still being put into the story.")
        return super().save_draft() and not self.taking_in
