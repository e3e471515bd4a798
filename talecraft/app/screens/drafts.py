"""What is typed is on disk a moment later, sent or not."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widgets import TextArea

from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.widgets.composer import Composer
from talecraft.app.widgets.text_area import PASTE_LIMIT, WritingArea
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean

DRAFT_SECONDS = 0.4


class DraftScreen(TalecraftScreen):
    """A screen whose composer's text is kept as it is typed; `store_draft` says where."""

    def __init__(self) -> None:
        super().__init__()
        self._saved = ""
        self._draft_timer: Timer | None = None

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    def show_draft(self, text: str) -> None:
        """Put what was kept into the composer."""
        self._saved = text
        self.composer.set_text(text)

    def store_draft(self, text: str) -> None:
        """Put `text` on disk. Raises LibraryError."""

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self.keep_draft_soon()

    def keep_draft_soon(self) -> None:
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.set_timer(DRAFT_SECONDS, self.save_draft)

    # ------------------------------------------------------------------ very long pastes
    def on_writing_area_pasted_too_much(self, event: WritingArea.PastedTooMuch) -> None:
        self.ask_what_to_do(event.text, event.area)

    def ask_what_to_do(self, text: str, area: WritingArea | None = None) -> None:
        """Ask what shall become of a paste that `area`, else the composer, cannot hold."""
        from talecraft.app.screens.pasting import Choice, LongPaste

        area = area or self.composer
        composes = area is self.composer

        def chosen(choice: Choice | None) -> None:
            if choice == "beginning":
                area.type_in(clean(text[:PASTE_LIMIT]))
            elif choice == "story":
                self.take_in(text)

        refusal = self.why_not_take_in() if composes else None
        self.app.push_screen(LongPaste(len(text), refusal, composes), chosen)

    def why_not_take_in(self) -> Callable[[], str] | None:
        """What says why no text can be put into the story now; None where there is no story."""
        return None

    def take_in(self, text: str) -> None:
        """Put `text` into the story, as the writer's passages."""

    def save_draft(self) -> bool:
        if not self.is_mounted or self.composer.text == self._saved:
            return True
        try:
            self.store_draft(clean(self.composer.text))
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        self._saved = self.composer.text
        return True
