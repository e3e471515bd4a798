"""`talecraft write`: passages for scripts and pipes, prose on stdout, the rest on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening, shapes
from talecraft.errors import EngineError, UsageError

if TYPE_CHECKING:
    from talecraft.process.messages import Delta
    from talecraft.studio import Studio
    from talecraft.studio.events import StudioEvent, TurnWritten
    from talecraft.studio.waiting import Inbox


class _Order(msgspec.Struct, frozen=True):
    """One story to go on with, or (`story` None) to begin with `text`."""

    story: int | None
    text: str


def write(
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="A first line, or with --story what comes next."),
    ] = None,
    story: Annotated[int | None, typer.Option(metavar="ID", help="Go on with this story.")] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Successive passages to write.")
    ] = 1,
    prompts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="One first line a line ('-': stdin): a story of each."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Write with this model.")] = None,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="ID|none", help="Write with this adapter, this time only."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed, the same passage; counted up.")
    ] = None,
    end: Annotated[
        bool, typer.Option("--end", help="The last of these passages brings the story to its end.")
    ] = False,
    outline: Annotated[bool, typer.Option(help="Show each plan on stderr.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a passage.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the model would be given, and end.")
    ] = False,
) -> None:
    """Write passages. What is piped in and TEXT are joined; prose streams to stdout."""
    orders = _orders(text, story, prompts)
    if dry_run:
        with opening.studio(model) as studio:
            _preview(studio, orders, as_json)
        return
    from talecraft.studio.waiting import Inbox

    inbox = Inbox()
    with opening.studio(model, inbox.put, settle=True) as studio:
        _Session(studio, inbox, outline, as_json).run(orders, count, seed, adapter, end)


def _orders(text: str | None, story: int | None, prompts: str | None) -> list[_Order]:
    if prompts is not None:
        if text is not None or story is not None:
            raise UsageError("--prompts brings its own first lines.", "Drop TEXT and --story.")
        premises = [line.strip() for line in console.read(prompts).splitlines() if line.strip()]
        if not premises:
            raise UsageError(f"There is no first line in {prompts}.", "Write one a line.")
        return [_Order(None, premise) for premise in premises]
    said = "\n".join(part for part in (console.read_stdin().strip(), text or "") if part.strip())
    if story is None and not said:
        raise UsageError(
            "A story needs a first line.", "Give one, pipe one in, or name a story with --story."
        )
    return [_Order(story, said)]


def _preview(studio: Studio, orders: list[_Order], as_json: bool) -> None:
    for order in orders:
        blocks = [
            block for block in studio.writing.preview(order.story, order.text) if not block.left
        ]
        if as_json:
            console.out_json(
                {
                    "model": studio.model.id,
                    "blocks": [block.text for block in blocks],
                    "settings": msgspec.to_builtins(studio.settings.writing),
                }
            )
        else:
            console.out("".join(block.text for block in blocks))


class _Session:
    """One engine, writing one order after the other."""

    def __init__(self, studio: Studio, inbox: Inbox, outline: bool, as_json: bool) -> None:
        self._studio = studio
        self._inbox = inbox
        self._outline = outline
        self._as_json = as_json
        self._part = ""
        self._space = ""  # the end of what was streamed: shown only where more text follows
        self._phase = ""
        self._passages = 0

    def run(
        self, orders: list[_Order], count: int, seed: int | None, adapter: str | None, end: bool
    ) -> None:
        from talecraft.studio.studio import ACTIVE

        for order in orders:  # before anything is started or saved
            if order.story is not None:
                self._studio.library.stories.get(order.story)
        wanted = ACTIVE if adapter is None else None if adapter == "none" else adapter
        using = self._studio.start_engine(wanted)
        stories = [self._commit(order) for order in orders]
        self._inbox.loaded(using.id if using else None, self._hear)
        seeds = _seeds(seed)
        for story_id in stories:
            for number in range(1, count + 1):
                self._passage(story_id, next(seeds), ending=end and number == count)

    def _commit(self, order: _Order) -> int:
        """The writer's words on disk, before anything is made of them."""
        if order.story is None:
            return self._studio.writing.new_story(order.text).id
        self._studio.writing.say(order.story, order.text)
        return order.story

    def _passage(self, story_id: int, seed: int | None, ending: bool) -> None:
        self._part = self._space = ""
        request = self._studio.writing.continue_story(story_id, seed=seed, ending=ending)
        try:
            self._show(self._inbox.written(request, self._hear))
        except (KeyboardInterrupt, BrokenPipeError):
            self._studio.writing.stop()
            with contextlib.suppress(EngineError):  # stopped before a word came
                written = self._inbox.written(request, lambda event: None)
                console.note(f"Stopped; what came is kept as turn {written.turn.id}.")
            raise

    def _show(self, written: TurnWritten) -> None:
        turn = written.turn
        if self._as_json:
            console.out_json(shapes.turn(turn, written.stopped))
        elif self._part == "prose":
            self._passages += 1
            console.stream("\n")
        console.note(f"Story {turn.story_id}, turn {turn.id}.")

    def _hear(self, event: StudioEvent) -> None:
        from talecraft.process.messages import Delta, Loaded, Phase

        if isinstance(event, Delta) and not self._as_json:
            self._stream(event)
        elif isinstance(event, Loaded):
            with_adapter = f"adapter {event.adapter_id}" if event.adapter_id else "no adapter"
            how = "" if event.steps == "eager" else f", {event.steps}"
            console.note(
                f"{event.model_id} on {event.device} ({event.dtype}, quantisation"
                f" {event.quantisation}{how}), {with_adapter}."
            )
        elif isinstance(event, Phase) and event.phase not in ("ready", self._phase):
            self._phase = event.phase
            if self._part == "think" and self._outline:
                console.stream("\n", narration=True)
                self._part = "told"
            console.note(f"{event.phase} {event.detail}".rstrip() + " ...")

    def _stream(self, event: Delta) -> None:
        text = event.text
        if event.part != self._part:
            if self._part == "think" and self._outline:
                console.stream("\n", narration=True)
            self._part, self._space, text = event.part, "", text.lstrip()
            if event.part == "prose" and self._passages:
                console.stream("\n")
        text = self._space + text
        shown = text.rstrip()
        self._space = text[len(shown) :]
        if event.part == "prose":
            console.stream(shown)
        elif event.part == "think" and self._outline:
            console.stream(shown, narration=True)


def _seeds(first: int | None) -> Iterator[int | None]:
    while True:
        yield first
        if first is not None:
            first += 1
