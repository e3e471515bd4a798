"""A model being fetched, as the app follows it: it goes on whichever screen is shown."""

from __future__ import annotations

import threading

from talecraft.app import messages
from talecraft.app.keymap import hint
from talecraft.app.manners import Manners
from talecraft.app.navigation import Navigation
from talecraft.errors import EngineError, TalecraftError
from talecraft.process.fetch_messages import Found
from talecraft.story.clean import clean_line
from talecraft.studio import Studio
from talecraft.studio.fetch_words import TokenWanted
from talecraft.studio.fetching import Progress


class Fetches(Manners, Navigation):
    """The part of the app that fetches one model at a time."""

    studio: Studio
    fetching = ""  # the id of the model that is being fetched
    fetch_progress: Progress | None = None
    _token_given = False

    def refresh_status(self) -> None:
        """Say on the status line what is true now."""

    @property
    def fetch_share(self) -> list[str]:
        """For the status line: `fetching gpt2 25 %`."""
        if not self.fetching:
            return []
        at = self.fetch_progress
        share = f" {100 * at.here // at.size} %" if at is not None and at.size else ""
        return [f"fetching {clean_line(self.fetching)}{share}"]

    def fetch(self, model_id: str, token: str = "") -> None:
        """Fetch a model, in a thread that quitting need not wait for."""
        if self.fetching:
            self.say(f"{self.fetching} is being fetched. One at a time.")
            return
        self.fetching, self.fetch_progress, self._token_given = model_id, None, bool(token)

        def hear(event: Found | Progress) -> None:
            if isinstance(event, Found):
                event = Progress(event.size - event.left, event.size)
            self.post_message(messages.FetchMoved(event))

        def pull() -> None:
            try:
                pulled = self.studio.fetching.pull(model_id, hear, token)
                self.post_message(messages.FetchEnded(pulled))
            except TalecraftError as error:
                self.post_message(messages.FetchEnded(None, error))
            except Exception:  # told, so that it can be asked for again
                unknown = EngineError("Fetching failed unexpectedly.", "Ask again.")
                self.post_message(messages.FetchEnded(None, unknown))

        threading.Thread(target=pull, name="fetch", daemon=True).start()
        self._fetch_changed()

    def stop_fetch(self) -> None:
        """What came is kept."""
        self.studio.fetching.stop()

    def on_fetch_moved(self, message: messages.FetchMoved) -> None:
        if not self.fetching:
            return
        before = self.fetch_share
        self.fetch_progress = message.progress
        for screen in self._screens():
            screen.fetch_changed()
        if self.fetch_share != before:
            self.refresh_status()

    def on_fetch_ended(self, message: messages.FetchEnded) -> None:
        model_id, self.fetching, self.fetch_progress = self.fetching, "", None
        error = message.error
        self._fetch_changed()
        title = clean_line(self.studio.catalogue.get(model_id).title)
        if message.pulled is not None:
            words = f"{title} is here. {hint('models.use', 'Enter')} in the list writes with it."
            self.say(words, "Fetched")
            if not self.app_focus:
                self.tell_desktop(f"{title} is here.")
        elif error is None:
            self.say(f"What came of {title} is kept; the next time it goes on there.", "Stopped")
        elif isinstance(error, TokenWanted) and not self._token_given and self.at("models"):
            self._ask_for_token(model_id, error)
        else:
            self.tell(error)

    def _ask_for_token(self, model_id: str, wanted: TokenWanted) -> None:
        from talecraft.app.screens.dialogs import AskName

        def go_on(token: str | None) -> None:
            if token is not None:
                self.fetch(model_id, token.strip())

        words = (
            f"{wanted.message} Accept the licence at {clean_line(wanted.page)}, then give a token"
            " (huggingface.co/settings/tokens). It is kept by huggingface_hub, shown and logged"
            f" nowhere. {hint('dialog.cancel', 'Esc')} leaves it."
        )
        self.push_screen(AskName("Your token", "", hint=words, secret=True), go_on)

    def _fetch_changed(self) -> None:
        self.refresh_status()
        for screen in self._screens():
            screen.fetch_changed()
