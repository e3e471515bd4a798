"""`talecraft compare`: two adapters or models, blind; the writer's verdict counts most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, keys, opening
from talecraft.cli.taste import Sitting, narrate
from talecraft.errors import EngineError, TalecraftError, UsageError

if TYPE_CHECKING:
    from talecraft.library.adapters import Adapter
    from talecraft.studio.comparing import Comparison, Tally
    from talecraft.studio.comparing_models import ModelComparison


def compare(
    a: Annotated[
        str | None,
        typer.Argument(
            metavar="A",
            help="An adapter's id, or how it begins; or MODEL, MODEL/ADAPTER or MODEL/none.",
        ),
    ] = None,
    b: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="Another, or 'none'; what wrote before A, or the model in use, if absent.",
        ),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=500, help="How many to choose from.")] = 10,
    story: Annotated[
        int | None, typer.Option(metavar="ID", help="Half of the pairs go on from this story.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Adapters of this model.")] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Write with the winner of all pairs from now on.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON line a pair, a verdict, and the result.")
    ] = False,
) -> None:
    """Say which of two adapters, or of two models, writes better, without knowing which is which.

    Both write after the same prompts from the same seeds; the sides are shuffled. The keys are
    those of `talecraft taste`.
    """
    from talecraft.studio.comparing import Comparison
    from talecraft.studio.comparing_models import ModelComparison, names_a_model
    from talecraft.studio.waiting import Inbox

    inbox = Inbox()
    with opening.studio(model, inbox.put, settle=True) as studio:
        trial: Comparison | ModelComparison
        if a is not None and (names_a_model(studio, a) or names_a_model(studio, b)):
            if adopt:
                raise UsageError(
                    "A model is not adopted by a trial.",
                    "Write with it: talecraft config set writing.model ID.",
                )
            trial = ModelComparison(studio, a, b or studio.model.id, story, pairs)
        else:
            using = studio.start_engine()
            inbox.loaded(using.id if using else None, narrate)
            trial = Comparison(studio, a, b, story, pairs)
        sitting = Sitting(trial.round, inbox, as_json, blind=True)
        failure: TalecraftError | None = None
        try:
            sitting.run()
        except EngineError as error:  # what was judged until then still counts
            failure = error
        finally:
            studio.tasting.stop()
            sitting.say_what_is_kept(teaches=isinstance(trial, Comparison))
        refusal = None
        if isinstance(trial, ModelComparison):
            _conclude_models(trial, as_json)
        else:
            refusal = _conclude(trial, adopt, as_json)
        if failure := failure or refusal:
            raise failure


def _conclude(trial: Comparison, adopt: bool, as_json: bool) -> UsageError | None:
    """The result, and what the writer makes of it; returns why the winner was not adopted."""
    from talecraft.studio.comparing import unshown_words

    tally = trial.tally
    names = [_named(trial.first), _named(trial.second)]
    if trial.round.unshown:
        console.note(unshown_words(trial.round))
    if not as_json:
        _say(names, tally)
    leader = tally.leader
    adopted, refusal = False, None
    if leader is not None and not trial.writes_already:
        if not adopt and trial.whole:
            with keys.reader() as read:
                adopt = read(f"Shall {names[leader]} write from now on? y or n: ") == "y"
        if adopt:
            try:
                trial.adopt()
                adopted = True
                console.note(f"{names[leader]} writes from now on.")
            except UsageError as error:  # told after the result
                refusal = error
    if as_json:
        console.out_json(
            {
                "first": {"adapter": trial.first.id if trial.first else None, "won": tally.first},
                "second": {
                    "adapter": trial.second.id if trial.second else None,
                    "won": tally.second,
                },
                "equal": tally.equal,
                "unshown": len(trial.round.unshown),
                "p": round(tally.p, 4),
                "words": tally.words,
                "adopted": adopted,
            }
        )
    return refusal


def _conclude_models(trial: ModelComparison, as_json: bool) -> None:
    """The result of a trial of two models, and how the better one is chosen."""
    from talecraft.studio.comparing import unshown_words

    tally, sides = trial.tally, (trial.first, trial.second)
    if trial.round.unshown:
        console.note(unshown_words(trial.round))
    if not as_json:
        _say([one.name for one in sides], tally)
        if tally.leader is not None:
            chosen = sides[tally.leader].spec.id
            console.note(f"To write with it: talecraft config set writing.model {chosen}")
        return
    won = (tally.first, tally.second)
    first, second = (
        {"model": one.spec.id, "adapter": one.adapter.id if one.adapter else None, "won": count}
        for one, count in zip(sides, won, strict=True)
    )
    console.out_json(
        {
            "first": first,
            "second": second,
            "equal": tally.equal,
            "unshown": len(trial.round.unshown),
            "p": round(tally.p, 4),
            "words": tally.words,
        }
    )


def _say(names: Sequence[str], tally: Tally) -> None:
    console.out(
        f"{names[0]} was chosen: {tally.first}. {names[1]} was chosen: {tally.second}."
        f" Neither was better: {tally.equal}. {tally.words}"
    )


def _named(adapter: Adapter | None) -> str:
    return f"adapter {adapter.id}" if adapter is not None else "the bare model"
