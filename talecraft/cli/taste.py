"""`talecraft taste`: two passages, one key; also for scripts, a line a verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talecraft.cli import console, keys, opening, shapes
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.story.turns import Turn
    from talecraft.studio.events import StudioEvent
    from talecraft.studio.rounds import Pair, Round, Verdict
    from talecraft.studio.waiting import Inbox

ASK = "Better: a or b, = equally good, space neither (n), u takes back, q ends: "
LAST = "That was the last pair. u takes its choice back, any other key ends: "
VERDICTS: dict[str, Verdict] = {
    "a": "a", "b": "b", "=": "=", " ": "neither", "n": "neither", "neither": "neither",
}  # fmt: skip
_TELLTALE = frozenset({"adapter", "model", "revision", "quantisation", "tokens", "seconds"})
_LAST_LINES = 300  # characters of the text before that are shown


def taste(
    story: Annotated[
        int | None, typer.Option(metavar="ID", help="Half of the pairs go on from this story.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=500, help="How many to choose from.")] = 24,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Drafted by this model.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON line a pair and a verdict; prose on stderr.")
    ] = False,
) -> None:
    """Choose between pairs of short passages; each choice is feedback to train on.

    On a terminal one key a pair. From a pipe a line a pair: a, b, =, n (neither), u, q.
    """
    from talecraft.studio.waiting import Inbox

    inbox = Inbox()
    with opening.studio(model, inbox.put, settle=True) as studio:
        if story is not None:
            studio.library.stories.get(story)
        using = studio.start_engine()
        inbox.loaded(using.id if using else None, narrate)
        sitting = Sitting(studio.tasting.begin(story, pairs), inbox, as_json)
        try:
            sitting.run()
        finally:
            studio.tasting.stop()
            sitting.say_what_is_kept()


def narrate(event: StudioEvent) -> None:
    """What there is to wait for, and what went wrong by the way."""
    from talecraft.process.engine_client import Stopped
    from talecraft.process.messages import Phase

    if isinstance(event, Phase) and event.phase == "loading":
        console.note(f"loading {event.detail} ...")
    elif isinstance(event, Stopped):
        console.note(event.reason)


class Sitting:
    """Shows one pair after the other and hears what is thought of it."""

    def __init__(self, a_round: Round, inbox: Inbox, as_json: bool, blind: bool = False) -> None:
        """With `blind` nothing says by which model or adapter a passage is, not even how long it
        took."""
        self._round = a_round
        self._inbox = inbox
        self._as_json = as_json
        self._hidden = _TELLTALE if blind else frozenset[str]()

    def run(self) -> None:
        """Until all are judged, the writer ends it, or the pipe does.

        Raises UsageError for a piped line that is no verdict; what came before it is kept.
        """
        with keys.reader() as read:
            shown = None
            while True:
                pair = self._inbox.pair(self._round, narrate)
                if pair is None:
                    if not self._goes_back(read):
                        return
                    shown = None
                    continue
                if pair != shown:
                    self._show(pair)
                    shown = pair
                key = read(ASK)
                if key is None or key == "q":
                    return
                self._hear(pair, key)

    def _goes_back(self, read: keys.Read) -> bool:
        """At the end a terminal is asked once more: is the last choice meant? A pipe is not."""
        if not (self._round.judged and sys.stdin.isatty()) or read(LAST) != "u":
            return False
        self._take_back()
        return True

    def _take_back(self) -> None:
        if not self._round.undo():
            console.note("There is no choice to take back.")
        elif self._as_json:
            console.out_json({"pair": self._round.judged + 1, "choice": None})

    def _hear(self, pair: Pair, key: str) -> None:
        if key == "u":
            self._take_back()
            return
        verdict = VERDICTS.get(key)
        if verdict is None:
            error = UsageError(f"'{key[:20]}' is no verdict.", "a, b, =, n (neither), u or q.")
            if not sys.stdin.isatty():
                raise error
            console.note(str(error))
            return
        number = self._round.judged + 1
        self._round.choose(verdict)
        if self._as_json:
            console.out_json({"pair": number, "choice": verdict, "turns": [pair.a.id, pair.b.id]})

    def _show(self, pair: Pair) -> None:
        from talecraft.studio.rounds import passage

        number = self._round.judged + 1
        if self._as_json:
            console.out_json(
                {
                    "pair": number,
                    "of": self._round.total,
                    "before": pair.before,
                    "a": self._shape(pair.a),
                    "b": self._shape(pair.b),
                }
            )
        end = pair.before[-_LAST_LINES:]
        before = end if end == pair.before else f"… {end.partition(' ')[2]}"
        say: Callable[[str], None] = console.tell if self._as_json else console.out
        say(f"{number} of {self._round.total}\n\n{_indented(before)}\n")
        for name, turn in (("a", pair.a), ("b", pair.b)):
            say(f"{name}   {_indented(passage(turn)).strip()}\n")

    def _shape(self, turn: Turn) -> dict[str, Any]:
        return {key: value for key, value in shapes.turn(turn).items() if key not in self._hidden}

    def say_what_is_kept(self, teaches: bool = True) -> None:
        judged = self._round.judged
        kept = f"{judged} {'choice' if judged == 1 else 'choices'} of this round kept in the log."
        learned = "`talecraft train plan` shows what a run would learn from them."
        console.note(f"{kept} {learned if teaches else 'They train nobody.'}")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
