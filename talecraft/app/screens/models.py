"""The models: what each is, what it needs, which one writes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.lists import ToldList
from talecraft.config.models import ModelSpec
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean_line


class ModelList(ToldList):
    """The models; Enter chooses one."""

    HELP = "The list of models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Write with it",
                tooltip="Make this model the one that writes", id="models.use"),
    ]  # fmt: skip


class ModelsScreen(TalecraftScreen):
    """The catalogue. Enter makes a model the one that writes, from the next passage on."""

    SHOWN_BY = "models"
    HELP = "The models"
    COMMAND_WIDGETS = ("#models",)
    AUTO_FOCUS = "#models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", tooltip="Back to where you were", id="app.back"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        with Vertical(id="catalogue"):
            yield Static(said(("Models", "bold $text-primary")), classes="heading")
            yield ModelList(id="models", markup=False)
            yield Static(id="model-files", markup=False)

    def on_mount(self) -> None:
        self._specs: list[ModelSpec] = list(self.talecraft.studio.catalogue)
        self._show(next(i for i, spec in enumerate(self._specs) if self._in_use(spec)))

    def _in_use(self, spec: ModelSpec) -> bool:
        return bool(spec.id == self.talecraft.studio.model.id)

    def _installed(self, spec: ModelSpec) -> bool:
        studio = self.talecraft.studio
        return bool(studio.catalogue.installed(spec, studio.home))

    def _show(self, highlighted: int) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [part for spec in self._specs for part in (Option(self._prompt(spec)), None)][:-1]
        )
        options.highlighted = highlighted

    def _prompt(self, spec: ModelSpec) -> Content:
        quantised = "not quantised" if spec.quantisation == "none" else spec.quantisation
        title = [(clean_line(spec.title), "bold")]
        if self._in_use(spec) and not self._installed(spec):
            title.append((f"   {mark('● ')}chosen, not installed", "bold $text-warning"))
        elif self._in_use(spec):
            title.append((f"   {mark('● ')}in use", "bold $text-success"))
        elif self._installed(spec):
            title.append((f"   {mark('○ ')}installed", "$text-success"))
        else:
            title.append(("   not installed", MUTED))
        facts = (
            f"{spec.parameters} · {quantised} · {spec.memory_to_write:g} GB to write,"
            f" {spec.memory_to_train:g} GB to train"
        )
        return said(
            *title, "\n", (clean_line(facts), ""), "\n",
            (clean_line(spec.licence) + (" · gated" if spec.gated else ""), MUTED), "\n",
            (clean_line(spec.note), f"italic {MUTED}"),
        )  # fmt: skip

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        spec = self._specs[event.option_index]
        studio = self.talecraft.studio
        where = clean_line(str(studio.catalogue.folder(spec, studio.home)))
        words = "Its files are in " if self._installed(spec) else (
            "To install it, put config, tokenizer and safetensors into "
        )  # fmt: skip
        self.query_one("#model-files", Static).update(said((words, MUTED), where))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        spec = self._specs[event.option_index]
        try:
            self.talecraft.studio.choose_model(spec.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.talecraft.say(f"{spec.title} writes from the next passage on.")
        self.talecraft.refresh_status()
        self._show(event.option_index)

    def action_leave(self) -> None:
        self.app.pop_screen()
