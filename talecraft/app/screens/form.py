"""A question with several answers: lines, a text, switches, in one dialog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Label

from talecraft.app import keymap
from talecraft.app.marks import plain
from talecraft.app.screens.dialogs import Confirm
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.text_area import WritingArea
from talecraft.errors import UsageError
from talecraft.story.clean import clean_line

Answers = Mapping[str, str | bool]


class Field(msgspec.Struct, frozen=True):
    """One answer: a line, a `number`, a `text` of any length, or a `switch`."""

    name: str
    label: str
    value: str | bool
    kind: Literal["line", "number", "text", "switch"] = "line"
    hint: str = ""


class FormArea(WritingArea):
    """The long text of a form. Tab leads on to the next answer."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name)
        self.tab_behavior = "focus"
        self.text = text


class Switch(Checkbox):
    """On or off, told without colour: `[x]` or `[ ]`, and on a plain page in a word."""

    @property
    def _button(self) -> Content:
        if plain():
            return said("on" if self.value else "off")
        return said(f"[{'x' if self.value else ' '}]")


def whole_number(answers: Answers, name: str, otherwise: int) -> int:
    """The number in a line; `otherwise` where it is empty. Raises UsageError for anything else."""
    text = str(answers[name]).strip()
    try:
        return int(text) if text else otherwise
    except ValueError:
        raise UsageError(f"“{clean_line(text)}” is no number ({name}).") from None


class Form(ModalScreen[None]):
    """Asks for all `fields` at once; what was answered goes to `keep`, which says whether it is
    kept: else it stays open.

    `refusal` says why the answers will not do, or nothing. What was typed is never lost unasked.
    """

    HELP = "Writing down a note"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", priority=True, tooltip="Keep it", id="form.keep"),
        Binding("escape", "cancel", "Cancel",
                tooltip="Leave everything as it was", id="form.cancel"),
    ]  # fmt: skip

    def __init__(
        self,
        question: str,
        fields: Sequence[Field],
        keep: Callable[[Answers], bool],
        about: str = "",
        refusal: Callable[[Answers], str] = lambda answers: "",
    ) -> None:
        super().__init__()
        self._question, self._fields, self._about = question, fields, about
        self._keep, self._refusal = keep, refusal

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form"):
            yield Label(said((self._question, "bold")))
            if self._about:
                yield Label(said((self._about, MUTED)))
            with VerticalScroll(can_focus=False):
                for field in self._fields:
                    yield from self._field(field)
            keep, cancel = keymap.hint("form.keep", "Ctrl+S"), keymap.hint("form.cancel", "Esc")
            yield Label(
                said((f"{keep} keeps it, {cancel} leaves it as it was, Tab goes on.", MUTED))
            )

    def _field(self, field: Field) -> ComposeResult:
        name = f"form-{field.name}"
        if isinstance(field.value, bool):
            yield Switch(said(field.label), field.value, id=name, compact=True)
        elif field.kind == "text":
            if field.label:
                yield Label(said((field.label, MUTED)))
            yield FormArea(name, field.value)
        else:
            with Horizontal(classes="form-line"):
                yield Label(said((field.label, MUTED)))
                yield Input(
                    field.value,
                    placeholder=field.hint,
                    type="integer" if field.kind == "number" else "text",
                    id=name,
                    compact=True,
                )

    def on_mount(self) -> None:
        texts = [one for one in self._fields if one.kind == "text"]
        first = self._fields[0]
        chosen = self.query_one(f"#form-{(texts[0] if first.value and texts else first).name}")
        chosen.focus()
        if isinstance(chosen, FormArea):
            chosen.move_cursor(chosen.document.end)

    @property
    def _answers(self) -> Answers:
        found: dict[str, str | bool] = {}
        for field in self._fields:
            widget = self.query_one(f"#form-{field.name}")
            if isinstance(widget, FormArea):
                found[field.name] = widget.text
            elif isinstance(widget, Input | Switch):
                found[field.name] = widget.value
        return found

    def on_input_submitted(self) -> None:
        self.action_keep()

    def on_writing_area_pasted_too_much(self, event: WritingArea.PastedTooMuch) -> None:
        self.notify("That is too long for a note.", severity="warning", markup=False)

    def action_keep(self) -> None:
        answers = self._answers
        if words := self._refusal(answers):
            self.notify(clean_line(words), severity="warning", markup=False)
        elif self._keep(answers):
            self.dismiss()

    def rescue(self) -> None:
        """The terminal is gone: keep what was answered, if it will do."""
        if self.changed and not self._refusal(self._answers):
            self._keep(self._answers)

    @property
    def changed(self) -> bool:
        """Is there anything that would be lost?"""
        return self._answers != {one.name: one.value for one in self._fields}

    def action_cancel(self) -> None:
        if not self.changed:
            self.dismiss()
            return

        def leave(sure: bool | None) -> None:
            if sure:
                self.dismiss()

        self.app.push_screen(
            Confirm("Throw away what you typed?", "It is kept nowhere else.", "Throw away"), leave
        )
