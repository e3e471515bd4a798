"""What can be done with one finished passage of the page: score it, copy it, export the story."""

from __future__ import annotations

from typing import Literal

from talecraft.app.screens.taking_in import TakingIn
from talecraft.app.text import count
from talecraft.app.widgets.manuscript import Manuscript
from talecraft.app.widgets.scoring import ScoringComposer, StepWay
from talecraft.errors import TalecraftError
from talecraft.story import feedback
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import exporting, reading


class PassageActions(TakingIn):
    """The part of the writing screen that acts on passages that are there already."""

    def __init__(self, story_id: int) -> None:
        super().__init__(story_id)
        self._page: reading.Page | None = None
        self._words, self._title = 0, ""
        self._rated: Turn | None = None  # what was scored last
        self._before_score: Feedback | None = None  # what stood before that

    @property
    def page(self) -> reading.Page:
        if self._page is None:
            self._page = reading.page(self.talecraft.studio.library, self.story_id)
            self._words, self._title = self._page.words, self._page.story.title
            if self.is_mounted:
                self.manuscript.keep_choice(self._page)
        return self._page

    @property
    def story_title(self) -> str:
        return self._title

    @property
    def manuscript(self) -> Manuscript:
        return self.query_one(Manuscript)

    @property
    def _scored_turn(self) -> Turn | None:
        """The chosen passage, else the last one the model wrote."""
        chosen = self.manuscript.chosen
        if chosen is not None:
            turn = self.page.path[chosen]
            return turn if turn.author == "model" and turn.prose else None
        path = self.page.path
        if path and path[-1].author == "model" and not path[-1].prose:
            return None  # only its plan came: what is scored must be what is seen last
        return next((t for t in reversed(path) if t.author == "model" and t.prose), None)

    @property
    def _midst(self) -> int | None:
        """Where the chosen passage stands, if others follow it."""
        chosen = self.manuscript.chosen
        return chosen if chosen is not None and chosen < len(self.page.path) - 1 else None

    @property
    def version(self) -> tuple[int, int]:
        """Which version the chosen passage is, else the last one, and of how many."""
        at = self._midst
        if at is None:
            return self.page.version, self.page.versions
        return reading.version(self.talecraft.studio.library, self.page.path[at].id)

    def action_rate(self, value: int) -> None:
        self._rate("stars", value)

    def action_thumb(self, value: int) -> None:
        self._rate("thumb", value)

    def _rate(self, kind: Literal["stars", "thumb"], value: int) -> None:
        turn = self._scored_turn
        if self.talecraft.live is not None:
            self.talecraft.say("The passage can be scored when it is finished.")
            return
        if self._rate_span(kind, value) or turn is None:
            return
        composer = self.query_one(ScoringComposer)
        if not composer.amending:
            self._before_score = self._standing(turn)
        try:
            self.talecraft.studio.writing.rate(turn.id, kind, value)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self._rated = turn
        self.reload()
        composer.scored_last = True
        self.engine_changed()

    def _rate_span(self, kind: Literal["stars", "thumb"], value: int) -> bool:
        """Grade the words that are selected with the mouse; False where there are none."""
        selected = self.manuscript.selected
        if selected is None or not self.manuscript.has_focus:
            return False
        at, words = selected
        if at is None:
            self.talecraft.say("Select words of one passage. Each has opinions of its own.")
        elif self.rate_words(self.page.path[at].id, words, kind, value):
            self.clear_selection()
            self.reload()
        return True

    def rate_words(
        self, turn_id: int, words: str, kind: Literal["stars", "thumb"], value: int
    ) -> bool:
        """Grade some words of a passage by themselves; False, with a notice, where none can be."""
        try:
            self.talecraft.studio.writing.rate_span(turn_id, kind, value, words)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        size = count(len(words.split()), "word")
        grade = f"{value} of 5" if kind == "stars" else "liked" if value > 0 else "disliked"
        self.talecraft.say(f"{size} of the passage scored by themselves: {grade}.")
        return True

    def _standing(self, turn: Turn) -> Feedback | None:
        """What stands for this passage now: stars before a thumb, or nothing."""
        opinions = self.talecraft.studio.writing.opinions(turn.id)
        rated = [one for one in opinions if feedback.is_grade(one) and one.aspect != "outline"]
        return rated[-1] if rated else None

    def action_unscore(self) -> None:
        """The keys that scored were the beginning of a text: leave the score as it was before."""
        turn, before = self._rated, self._before_score
        if turn is None:
            return
        try:
            if before is None or before.value is None:
                self.talecraft.studio.writing.withdraw(turn.id)
            elif before.kind == "stars":
                self.talecraft.studio.writing.rate(turn.id, "stars", before.value)
            else:
                self.talecraft.studio.writing.rate(turn.id, "thumb", before.value)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.reload()

    def action_unrate(self) -> None:
        """Of the chosen passage, else the last one; of its words too."""
        self._unrate(self._scored_turn, spans=True)

    def action_unrate_last(self) -> None:
        """Of the passage that was scored last, wherever it stands."""
        self._unrate(self._rated)

    def _unrate(self, turn: Turn | None, spans: bool = False) -> None:
        if turn is None:
            return
        try:
            taken = self.talecraft.studio.writing.withdraw(turn.id, spans)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.reload()
        if taken:
            self.talecraft.say("The score is taken back.")

    def action_copy_passage(self) -> None:
        """Copy the chosen passage, else the last one."""
        chosen = self.manuscript.chosen
        turns = [turn for turn in self.page.path if turn.prose]
        turn = self.page.path[chosen] if chosen is not None else turns[-1]
        self.app.copy_to_clipboard(turn.prose)
        size = count(len(turn.prose.split()), "word")
        self.talecraft.say(f"{size} copied, if your terminal allows it.", "Passage copied")

    def stepped(self, story_id: int, how: StepWay = "new") -> None:
        if story_id == self.story_id and self.is_mounted:
            self.query_one(ScoringComposer).stepped(how)

    # ------------------------------------------------------------------ the tree
    def action_tree(self) -> None:
        from talecraft.app.screens.tree import TreeScreen

        chosen = self.manuscript.chosen
        at = self.page.path[chosen].id if chosen is not None else self.page.story.leaf_id
        self.app.push_screen(TreeScreen(self.story_id, at, self.back_at))

    def back_at(self, turn_id: int | None) -> None:
        """Show what is read now, and where a passage was opened, that one."""
        self.reload()
        at = next((at for at, one in enumerate(self.page.path) if one.id == turn_id), None)
        if at == len(self.page.path) - 1:
            self.manuscript.choose_none()
            self.composer.focus()
            self.manuscript.scroll_to(y=self.manuscript.max_scroll_y, animate=False, force=True)
        elif at is not None and self.manuscript.choose(at):
            self.manuscript.focus()

    def action_export(self, form: str) -> None:
        studio = self.talecraft.studio
        try:
            path = exporting.export(studio.library, studio.home, self.story_id, form)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.talecraft.say(str(path), "Story exported")
