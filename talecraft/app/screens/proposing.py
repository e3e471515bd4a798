"""The model's help in the midst of a passage that is being edited: a span told otherwise, a text at
the cursor. It is proposed in place; taken, it is a part of the edit like what was typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import TextArea

from talecraft.app.screens.editing import EditingActions
from talecraft.app.widgets.editor import Editor
from talecraft.app.widgets.proposal import ProposalView
from talecraft.errors import TalecraftError
from talecraft.story import spans
from talecraft.story.spans import How
from talecraft.studio.events import Proposal, SpanFailed, SpanReady


class ProposingActions(EditingActions):
    """The part of the writing screen that shows proposals."""

    def __init__(self, story_id: int) -> None:
        super().__init__(story_id)
        self._span_asked: int | None = None  # the request whose proposals are waited for
        self._span_at = (0, 0)  # the characters of the editor's text that they are for
        self._selects = False
        self._taken: list[tuple[Proposal, Sequence[Proposal]]] = []  # in this edit

    @property
    def proposal(self) -> ProposalView:
        return self.query_one(ProposalView)

    @property
    def editing_words(self) -> str:
        """What can be done with the text that is being edited."""
        return self.proposal.words if self.proposal.is_open else self.editor.words

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        """What can be done in the editor depends on whether something is selected."""
        if event.text_area is self.editor and self._selects == event.selection.is_empty:
            self._selects = not event.selection.is_empty
            self.engine_changed()
            self.refresh_bindings()

    def on_editor_asked(self, event: Editor.Asked) -> None:
        if not self.free():
            return
        self._span_at = event.start, event.end
        here = spans.place(self.editor.text, event.start, event.end)
        if self._ask_for_span(event.how):
            editor = self.editor
            editor.can_focus = False  # what lies under a proposal is not to be typed in
            self.proposal.open(here, event.how, editor.room, editor.size.height)
            self._proposals_changed()

    def on_proposal_view_asked(self, event: ProposalView.Asked) -> None:
        if self._ask_for_span(event.how):
            self.proposal.wait(event.how)
            self._proposals_changed()

    def _ask_for_span(self, how: How) -> bool:
        try:
            self._span_asked = self.talecraft.studio.spans.ask(
                self.editor.turn_id, self.editor.text, *self._span_at, how
            )
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        return True

    def span_came(self, event: SpanReady | SpanFailed) -> None:
        if event.request != self._span_asked or not self.proposal.is_open:
            return
        self._span_asked = None
        if isinstance(event, SpanReady):
            self.proposal.show(event.proposals)
        else:
            if event.message:
                self.talecraft.say(f"{event.message} {event.hint}", "No proposal", "error")
            if not self.proposal.go_on():
                self._close_proposal()
        self._proposals_changed()

    def on_proposal_view_taken(self, event: ProposalView.Taken) -> None:
        """Into the text, as one edit that Ctrl+Z takes back there."""
        editor = self.editor
        here = spans.place(editor.text, *self._span_at)
        start = len(here.before)
        editor.put(start, start + len(here.span), event.proposal.text)
        self._taken.append((event.proposal, event.passed_over))
        self._close_proposal()

    def _take_edit(self, turn_id: int, text: str) -> bool:
        """What is still there of what was proposed has been preferred to what was passed over."""
        if not super()._take_edit(turn_id, text):
            return False
        for proposal, passed_over in self._taken:
            if proposal.text.strip() in text:
                try:
                    self.talecraft.studio.spans.take(proposal, passed_over)
                except TalecraftError as error:
                    self.talecraft.tell(error)
        return True

    def on_proposal_view_left(self) -> None:
        self.talecraft.studio.spans.stop()
        self._close_proposal()

    def _close_proposal(self) -> None:
        self._put_away()
        self.editor.focus()
        self._proposals_changed()

    def _put_away(self) -> None:
        self._span_asked = None
        self.proposal.close()
        self.editor.can_focus = True

    def close_editor(self) -> None:
        self._put_away()
        self._taken = []
        super().close_editor()

    def _proposals_changed(self) -> None:
        self.engine_changed()
        self.refresh_bindings()

    def place_editor(self) -> None:
        super().place_editor()
        if self.proposal.is_open:
            self.proposal.place(self.editor.room)
