"""The line under the text: the last passage's score, or what can be done now, and its versions."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import TextArea

from talecraft.app.keymap import hint, score_keys
from talecraft.app.marks import mark
from talecraft.app.screens.skeleton import SkeletonActions
from talecraft.app.text import MUTED, said, stars
from talecraft.app.widgets.lines import ScoreLine
from talecraft.app.widgets.scoring import ScoringComposer


class ScoreWords(SkeletonActions):
    """The part of the writing screen that keeps that line true."""

    def engine_changed(self) -> None:
        self.show_score()

    def show_score(self) -> None:
        versions = Content("")
        version, count = self.version
        if count > 1 and self.live is None and not self.editor.is_open:
            versions = said(
                (f"version {version} of {count}", MUTED),
                (
                    f"  {self._to_text}{hint('version.previous', mark('←', 'Left'))}"
                    f" {hint('version.next', mark('→', 'Right'))}",
                    MUTED,
                ),
            )
        self.query_one(ScoreLine).show(self._score_words(), versions)

    @property
    def _to_text(self) -> str:
        """What comes before a key of the manuscript's, where one is elsewhere."""
        return "" if self.manuscript.has_focus else "Tab, then "

    def _score_words(self) -> Content:
        between = mark(" · ", ", ")
        if self.editor.is_open:
            return said((self.editing_words, MUTED))
        if self.talecraft.studio.alternatives.waiting == self.story_id:
            words = f"Other versions are being written{between}{hint('page.stop', 'Esc')} stops"
            return said((words, MUTED))
        if self.live is not None:
            key = hint("page.stop", "Esc")
            what = "stopping" if self.live.stopping else f"{key} stops and keeps what came"
            return said((what, MUTED))
        if not self.talecraft.can_write:
            key = hint("app.models", "F2")
            return said((f"There is no model to write with. {key} chooses one.", "$text-warning"))
        if self.skeleton.has_focus_within:
            there, back = hint("skeleton.jump", "Enter"), hint("skeleton.back", "Esc")
            return said((f"{there} reads on there{between}{back} leads back", MUTED))
        if self.plan_pane.has_focus:
            return said((f"{hint('page.to_text', 'Esc')}: to the composer", MUTED))
        turn = self._scored_turn
        if turn is None:
            what = "writes on from the plan" if self._planned else "begins"
            return said((f"{hint('page.continue', 'Enter')}: the model {what}", MUTED))
        score, chosen = self.page.scores.get(turn.id), self.manuscript.chosen
        composer = self.query_one(ScoringComposer)
        if score is not None:
            here = composer.takes_score_back and self.focused is composer
            key = hint("story.undo", "Ctrl+Z") if here else (
                f"{self._to_text}{hint('score.take_back', 'u')}"
            )  # fmt: skip
            return said((stars(score), "$text-accent"), (f"   {key} takes it back", MUTED))
        if composer.text and chosen is None:
            return said((f"{hint('page.continue', 'Enter')} puts it into the story", MUTED))
        another = f"{between}{hint('page.retry', 'Ctrl+R')} another version"
        return said((f"{score_keys()} score it{'' if chosen is not None else another}", MUTED))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """What takes a score back depends on whether there is text."""
        self.show_score()  # Textual calls the base classes' handlers, which keep drafts, too
