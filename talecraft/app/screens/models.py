"""The models: what each is, what it needs, which one writes; fetched and removed here."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from talecraft.app import preferring
from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.dialogs import Confirm
from talecraft.app.text import MUTED, Span, in_use, said
from talecraft.app.widgets.lists import ToldList
from talecraft.config.entries import find
from talecraft.config.models import ModelSpec
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean_line
from talecraft.studio.memory import size


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
        Binding("f", "fetch", "Fetch",
                tooltip="Fetch the model from its hub, going on where that was stopped",
                id="models.fetch"),
        Binding("d,delete", "remove", "Remove",
                tooltip="Delete the model's files; one in a folder of yours leaves the list",
                id="models.remove"),
        Binding("escape", "stop_fetch", "Stop fetching",
                tooltip="Stop fetching and keep what came", id="models.stop"),
        Binding("escape", "leave", "Back", tooltip="Back to where you were", id="app.back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._specs: list[ModelSpec] = []
        self._shown: object = None  # what the list tells, as it was last made

    def body(self) -> ComposeResult:
        with Vertical(id="catalogue"):
            yield Static(said(("Models", "bold $text-primary")), classes="heading")
            yield ModelList(id="models", markup=False)
            yield Static(id="model-memory", markup=False)
            yield Static(id="model-fetch", markup=False)
            yield Static(id="model-files", markup=False)

    def on_mount(self) -> None:
        self._look_at_fetch()
        self._specs = list(self.talecraft.studio.catalogue)
        self._shown = self._state()
        self._show(next(i for i, spec in enumerate(self._specs) if self._in_use(spec)))
        if not self.talecraft.studio.machine.measured:
            self.run_worker(self._measure, thread=True, exit_on_error=False)

    def _measure(self) -> None:
        """Some ten seconds of another process; until then, and where it fails, the figures are a
        typical machine's."""
        with contextlib.suppress(TalecraftError):
            self.talecraft.studio.measure()
            self.app.call_from_thread(self._measured)

    def _measured(self) -> None:
        if self.is_mounted and (spec := self._chosen) is not None:
            self._tell_memory(spec)

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
        if spec.id == self.talecraft.fetching:
            title.append((f"   {mark('● ')}being fetched", "bold $text-primary"))
        elif self._in_use(spec) and self.talecraft.studio.elsewhere:
            title.append((f"   {mark('● ')}in use, where the engine is", "bold $text-success"))
        elif self._in_use(spec) and not self._installed(spec):
            title.append((f"   {mark('● ')}chosen, not installed", "bold $text-warning"))
        elif self._in_use(spec):
            title.append((f"   {mark('● ')}in use", "bold $text-success"))
        elif self._installed(spec):
            title.append((f"   {mark('○ ')}installed", "$text-success"))
        else:
            here = " here" if self.talecraft.studio.elsewhere else ""
            title.append((f"   not installed{here}", MUTED))
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
        self._tell_files(self._specs[event.option_index])
        self._tell_memory(self._specs[event.option_index])
        self.refresh_bindings()

    def _tell_files(self, spec: ModelSpec) -> None:
        studio = self.talecraft.studio
        where = clean_line(str(studio.catalogue.folder(spec, studio.home)))
        if self._installed(spec):
            words = "Its files are in "
        elif spec.source != "hub":
            words = "To install it, put config, tokenizer and safetensors into "
        elif begun := studio.fetching.begun(spec.id):
            words = f"{size(begun / 1e6)} came; {hint('models.fetch', 'f')} goes on, into "
        else:
            words = f"{hint('models.fetch', 'f')} fetches it from its hub into "
        self.query_one("#model-files", Static).update(said((words, MUTED), where))

    def _tell_memory(self, spec: ModelSpec) -> None:
        """What it needs in each precision, and of the one in use what is really in use."""
        studio = self.talecraft.studio
        free = studio.free_memory
        parts: list[Span] = []
        for one in studio.fitting().of(spec):
            name = f"{mark('● ', '* ') if one.chosen else ''}{one.quantisation} "
            short = free is not None and one.write > free
            figures = f"{size(one.write)}, {size(one.train)}, {size(one.both)}"
            parts += [(name, "bold" if one.chosen else ""), (figures, MUTED)]
            parts += [(" does not fit", "$text-warning")] if short else []
            parts.append("   ")
        there = f"{size(free)} of memory are free. " if free is not None else ""
        told = "To write, to train, both: " if parts else "Each precision is told of what is here."
        parts.insert(0, (there + told, MUTED))
        loaded = studio.loaded
        if loaded is not None and studio.engine.running and loaded.model_id == spec.id:
            parts += ["\n" if parts else "", ("Really in use: ", MUTED), in_use(loaded)]
        self.query_one("#model-memory", Static).update(said(*parts))

    @property
    def _chosen(self) -> ModelSpec | None:
        lists = self.query(ModelList)
        at = lists.first().highlighted if lists else None
        return self._specs[at] if at is not None and at < len(self._specs) else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        spec = self._specs[event.option_index]
        try:
            self.talecraft.studio.choose_model(spec.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        # Kept, so that it writes the next time, too; the default is what stands in no file.
        kept = None if spec.id == self.talecraft.studio.catalogue.default.id else spec.id
        holds = preferring.prefer(self.talecraft, find("writing.model"), kept)
        when = "from the next passage on" + ("" if holds else ", until Talecraft is closed")
        self.talecraft.say(f"{spec.title} writes {when}.")
        self.talecraft.refresh_status()
        self._show(event.option_index)

    # ------------------------------------------------------------------ fetching and removing
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        spec = self._chosen
        match action:
            case "stop_fetch":
                return bool(self.talecraft.fetching)
            case "fetch":
                return spec is not None and self._can_fetch(spec)
            case "remove":
                return spec is not None and self._can_remove(spec)
            case _:
                return super().check_action(action, parameters)

    def _can_fetch(self, spec: ModelSpec) -> bool:
        return spec.source == "hub" and not self.talecraft.fetching and not self._installed(spec)

    def _can_remove(self, spec: ModelSpec) -> bool:
        if spec.source == "local":
            return not self._in_use(spec)
        if spec.source != "hub" or spec.id == self.talecraft.fetching:
            return False
        there = self._installed(spec)
        return (there and not self._in_use(spec)) or (
            not there and self.talecraft.studio.fetching.begun(spec.id) > 0
        )

    def action_fetch(self) -> None:
        if self._chosen is not None:
            self.talecraft.fetch(self._chosen.id)

    def action_stop_fetch(self) -> None:
        self.talecraft.stop_fetch()

    def action_remove(self) -> None:
        if (spec := self._chosen) is None:
            return
        fetching = self.talecraft.studio.fetching
        if spec.source == "local":
            self._forget(spec)
            return
        try:
            words = size(fetching.removable(spec.id) / 1e6)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return

        def remove(yes: bool | None) -> None:
            if not yes:
                return
            try:
                freed = size(fetching.remove(spec.id) / 1e6)
            except TalecraftError as error:
                self.talecraft.tell(error)
                return
            self.talecraft.say(f"{freed} are free again.", "Removed")
            self.fetch_changed()

        title = clean_line(spec.title)
        consequence = f"It takes {words}, and must be fetched again to write. Adapters stay."
        self.app.push_screen(Confirm(f"Remove {title}?", consequence, "Remove"), remove)

    def _forget(self, spec: ModelSpec) -> None:
        """Of a model in a folder of the writer's own nothing is deleted."""

        def forget(yes: bool | None) -> None:
            if not yes:
                return
            try:
                folder = self.talecraft.studio.fetching.forget(spec.id)
            except TalecraftError as error:
                self.talecraft.tell(error)
                return
            shipped = any(one.id == spec.id for one in self.talecraft.studio.catalogue)
            now = "The entry that came with Talecraft holds again. " if shipped else ""
            self.talecraft.say(f"{now}Its files stay in {clean_line(str(folder))}.", "Taken out")
            self.fetch_changed()

        consequence = "Its files and adapters stay; talecraft models add lists it again."
        question = f"Take {clean_line(spec.title)} out of your models.toml?"
        self.app.push_screen(Confirm(question, consequence, "Take it out"), forget)

    def fetch_changed(self) -> None:
        if not self.is_mounted:
            return
        self._look_at_fetch()
        if (state := self._state()) != self._shown:
            self._shown, self._specs = state, list(self.talecraft.studio.catalogue)
            at = self.query_one(OptionList).highlighted or 0
            self._show(min(at, len(self._specs) - 1))
        if (spec := self._chosen) is not None:
            self._tell_files(spec)
        self.refresh_bindings()

    def _state(self) -> object:
        specs = list(self.talecraft.studio.catalogue)
        return [(spec, self._installed(spec)) for spec in specs], self.talecraft.fetching

    def _look_at_fetch(self) -> None:
        """The line that tells how far it is."""
        line, going = self.query_one("#model-fetch", Static), self.talecraft.fetching
        line.display = bool(going)
        if going:
            progress = self.talecraft.fetch_progress
            words = progress.words if progress is not None else "asking its hub"
            key = hint("models.stop", "Esc")
            line.update(said((going, "bold"), f": {words}", (f"   {key} stops it", MUTED)))

    def action_leave(self) -> None:
        self.app.pop_screen()
