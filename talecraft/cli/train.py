"""`talecraft train`: what a run would learn from, start one, watch it, stop it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening, shapes
from talecraft.errors import UsageError
from talecraft.story import rewards as reward_words
from talecraft.story.methods import FEWEST_OWN_PROMPTS, METHODS, TASTE_MODELS
from talecraft.story.methods import WORDS as METHOD_WORDS

if TYPE_CHECKING:
    from talecraft.library.runs import TrainingRun
    from talecraft.process.run_events import Check, Outcome, PatternStep, RunEvent, Step
    from talecraft.studio import Studio
    from talecraft.studio.plan import TrainingPlan
    from talecraft.studio.recipe import Recipe

app = typer.Typer(help="Learn from the scores.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Model = Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")]
Method = Annotated[
    str | None, typer.Option("--method", metavar="NAME", help=f"How: {' or '.join(METHODS)}.")
]
Rewards = Annotated[
    str | None,
    typer.Option(
        "--rewards",
        metavar="NAME[=WEIGHT],...",
        help=f"What is rewarded, of: {', '.join(reward_words.NAMES)}. Without taste no score is"
        " needed.",
    ),
]
Prompts = Annotated[
    Path | None,
    typer.Option(
        "--prompts",
        metavar="FILE",
        help="Practise on these: a line each, or a table's column prompt. A quarter is held back"
        " to judge by.",
    ),
]
Classifier = Annotated[
    str, typer.Option("--classifier", metavar="NAME", help="Which one rewards, if any does.")
]
TasteModel = Annotated[
    str | None,
    typer.Option(
        "--taste-model",
        metavar="NAME",
        help="How your taste is known: head, adapter (also try a reward model), or auto (from 1,000"
        " opinions on).",
    ),
]
_GOOD_ENDS = ("adopted", "rejected")


@app.command()
def plan(
    model: Model = None,
    as_json: Json = False,
    look: Annotated[
        bool, typer.Option(help="Say what is known of your taste: some seconds of reading.")
    ] = True,
    method: Method = None,
    rewards: Rewards = None,
    prompts: Prompts = None,
    classifier: Classifier = "classifier",
    taste_model: TasteModel = None,
) -> None:
    """What a run would learn from, how long it would take, and what room it needs."""
    from talecraft.studio.memory import ASLEEP, size

    asked = recipe(method, rewards, prompts, classifier, taste_model)
    with opening.studio(model, settle=True) as studio:
        opening.measured(studio)
        found = studio.training.plan(studio.model, asked)
        title = studio.model.title
        look = look and found.by_taste
        if look and not found.refusal:
            console.note("Reading what you have an opinion of ...")
        taste = studio.training.look(studio.model) if look else None
    if as_json:
        console.out_json(msgspec.to_builtins(found) | {"taste": msgspec.to_builtins(taste)})
        return
    console.out(f"Model: {title}")
    console.out(f"Method: {METHOD_WORDS[found.method]}")
    console.out(f"Rewarded: {reward_words.told(found.rewards)}")
    if found.prompts:
        held = "a quarter is held back to judge by"
        if found.prompts < FEWEST_OWN_PROMPTS:
            held = "too few to hold some back: the shipped ones judge"
        console.out(f"Prompts: {found.prompts:,} of your own; {held}")
    if found.by_taste:
        _print_opinions(found)
    how = "as the last run took" if found.measured else "estimated"
    console.out(f"Time: about {found.minutes:.1f} minutes ({how})")
    if found.trial_words:
        console.out(found.trial_words)
    for what, needed, free in (
        ("Memory", found.memory_mb, found.free_mb),
        ("Beside it, to write", found.engine_mb, None),
        ("Disk", found.disk_mb, found.free_disk_mb),
    ):
        rest = f", {size(free)} free" if free is not None else ""
        console.out(f"{what}: about {size(needed)}{rest}")
    if not found.together:
        console.out(ASLEEP)
    if taste is not None:
        console.out(f"{taste.words} ({taste.pairs} pairs, {taste.low:.0%} to {taste.high:.0%})")
    refusal = found.refusal or (taste.refusal if taste else "")
    if refusal and not found.refusal:
        refusal = f"The head alone is not enough. {refusal}" if found.trial_words else (
            f"Not yet. {refusal}"
        )  # fmt: skip
    for text in filter(None, (refusal, *found.warnings)):
        console.out(text)


def recipe(
    method: str | None,
    rewards: str | None,
    prompts: Path | None,
    classifier: str,
    taste_model: str | None = None,
) -> Recipe:
    """What was asked for in words. Raises UsageError for what is none, or cannot be read."""
    from talecraft.studio import corpus
    from talecraft.studio.recipe import Recipe

    if method is not None and method not in METHODS:
        raise UsageError(f"There is no method '{method}'.", f"The methods: {', '.join(METHODS)}.")
    if taste_model is not None and taste_model not in TASTE_MODELS:
        raise UsageError(
            f"There is no taste model '{taste_model}'.", f"There are: {', '.join(TASTE_MODELS)}."
        )
    found = corpus.prompts(prompts) if prompts is not None else ()
    asked = reward_words.parse(rewards) if rewards is not None else None
    return Recipe(method, asked, tuple(found), classifier, taste_model=taste_model)


def _print_opinions(found: TrainingPlan) -> None:
    console.out(f"Scores: {found.scores} in {found.places}")
    if found.lighter:
        console.out(found.lighter_words)
    others = {"Choices": found.choices, "Edits": found.edits, "Thrown away": found.discards}
    for name, number in others.items():
        if number:
            console.out(f"{name}: {number}")
    counts = ", ".join(
        f"{grade} star{'s' * (grade > 1)}: {n}" for grade, n in enumerate(found.histogram, 1)
    )
    console.out(f"By grade: {counts}")
    if found.unusable:
        console.out(f"Left out: {found.unusable} that another model wrote")


@app.command()
def run(
    model: Model = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    updates: Annotated[int | None, typer.Option(min=1, help="How many updates.")] = None,
    method: Method = None,
    rewards: Rewards = None,
    prompts: Prompts = None,
    classifier: Classifier = "classifier",
    taste_model: TasteModel = None,
    style: Annotated[
        str, typer.Option("--style", metavar="NAME", help="Which one rewards, if any does.")
    ] = "style",
    author: Annotated[
        str, typer.Option("--author", metavar="NAME", help="Whose manner the style rewards.")
    ] = "",
    texts: Annotated[
        list[Path] | None,
        typer.Option("--texts", metavar="FILE|FOLDER", help="The author's chunks, or books."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Start a run and follow it. It goes on by itself: Ctrl+C only ends the following."""
    asked = recipe(method, rewards, prompts, classifier, taste_model)
    asked = msgspec.structs.replace(
        asked, style=style, author=author, texts=tuple(map(str, texts or ()))
    )
    with opening.studio(model, settle=True) as studio:
        started = studio.training.start(studio.model, seed, updates, asked)
        console.note(f"Training run {started.id} is going.")
        ended = started if detach else follow(studio, started.id)
    report(ended, detach, as_json)


def report(ended: TrainingRun, detached: bool, as_json: bool) -> None:
    """What was started or has ended, on stdout; exits with 1 where it did not end well."""
    if as_json:
        console.out_json(shapes.run(ended))
    elif detached:
        console.out(ended.id)
    else:
        _print_end(ended)
    if not detached and ended.state not in _GOOD_ENDS:
        raise typer.Exit(1)


@app.command()
def resume(
    model: Model = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Let a paused run go on, or the newest one where it was stopped or killed.

    Either ends where it would have ended.
    """
    with opening.studio(model, settle=True) as studio:
        again = studio.training.resume(studio.model)
        console.note(f"Training run {again.id} goes on.")
        ended = again if detach else follow(studio, again.id)
    report(ended, detach, as_json)


@app.command()
def status(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="One run; without it, all of them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """How one run ended or how far it is; or all runs, the newest first."""
    with opening.studio(settle=True) as studio:
        if run_id is None:
            runs = studio.library.runs.list()
            if as_json:
                console.out_json([shapes.run(one) for one in runs])
                return
            console.table(
                ("run", "state", "model", "started", "adapter"),
                [
                    (
                        one.id,
                        _state(studio, one),
                        one.model_id,
                        one.started_at[:16].replace("T", " "),
                        one.adapter_id or "",
                    )
                    for one in runs
                ],
            )
            return
        found = studio.library.runs.get(run_id)
        events = studio.training.tail(found.id).read()
    from talecraft.process.run_events import Drawn

    if as_json:
        told = [event for event in events if not isinstance(event, Drawn)]
        console.out_json(shapes.run(found) | {"events": msgspec.to_builtins(told)})
        return
    if found.state == "running":
        console.out(f"Run {found.id} is going.")
        for line in dict.fromkeys(map(describe, [*_steps(events)[-1:], *events[-1:]])):
            console.out(line or "working on its next update")
    else:
        _print_end(found)


def _state(studio: Studio, run: TrainingRun) -> str:
    """A run's state in words; of one that is going, how far it is."""
    if run.state != "running":
        return run.state_words
    words = "paused" if studio.training.paused(run.id) else "going"
    last = _steps(studio.training.tail(run.id).read())[-1:]
    return f"{words}, step {last[0].step} of {last[0].total}" if last else words


def _steps(events: Sequence[RunEvent]) -> list[Step | PatternStep]:
    from talecraft.studio.figures import is_step

    return [event for event in events if is_step(event)]


@app.command()
def drawn(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Of this run.")],
    update: Annotated[
        int | None, typer.Option(min=1, help="Of this update; without it, of the newest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The passages that one update was learned from, and what each part of the reward gave."""
    with opening.studio(settle=True) as studio:
        run = studio.library.runs.get(run_id)
        found = studio.training.drawn(run.id, update)
    if as_json:
        console.out_json(msgspec.to_builtins(found))
        return
    for at, turn in enumerate(sorted(found.turns, key=lambda one: -one.total), 1):
        parts = ", ".join(f"{name} {value:+.2f}" for name, value in turn.parts.items())
        kept = "" if turn.kept else "; not learned from"
        console.out(f"{at}. reward {turn.total:+.2f} ({parts}); {turn.kl:.1f} nats{kept}")
        console.out(f"   {' / '.join(turn.outline.splitlines())}")
        console.out("".join(f"   {line}\n" for line in turn.prose.splitlines() if line))


@app.command()
def stop() -> None:
    """Ask the run that is going to end at its next step; nothing is adopted."""
    with opening.studio(settle=True) as studio:
        asked = studio.training.stop()
    console.note(f"Run {asked.id} was asked to stop.")


@app.command()
def pause() -> None:
    """Let the run that is going stand still until `train resume`; it keeps its place."""
    with opening.studio(settle=True) as studio:
        asked = studio.training.pause()
    console.note(f"Run {asked.id} was asked to pause; `talecraft train resume` lets it go on.")


@app.command()
def sample(as_json: Json = False) -> None:
    """Show one passage as the model writes now, and as the run has learned to so far."""
    from talecraft.studio.waiting import example

    with opening.studio(settle=True) as studio:
        found = example(
            studio.training, lambda: console.note("The run writes it after its next update.")
        )
    if as_json:
        console.out_json(msgspec.to_builtins(found))
        return
    console.out(f"{found.sample.prompt}\n")
    before, after = found.sample.told
    console.out(f"As it writes now:\n{before}\n")
    console.out(f"After update {found.step}:\n{after}")


def follow(studio: Studio, run_id: str) -> TrainingRun:
    """Tell what a run says until it has ended, and take it in. Ctrl+C ends the following only."""
    from talecraft.studio import waiting

    try:
        for event in waiting.follow(studio.training, run_id):
            if line := describe(event):
                console.note(line)
    except KeyboardInterrupt:
        console.note(f"Run {run_id} goes on by itself; see `talecraft train status {run_id}`.")
        raise
    studio.training.settle()
    return studio.library.runs.get(run_id)


def describe(event: RunEvent) -> str:
    """One event of a run as a line; nothing of the turns that were drawn, which are many."""
    from talecraft.library.runs import state_words
    from talecraft.process.run_events import (
        Drawn,
        Example,
        GoingOn,
        MannerLearned,
        Outcome,
        PatternStep,
        RunPhase,
        Step,
        TalesRead,
        TasteLearned,
        Waiting,
    )

    match event:
        case RunPhase():
            return f"{event.words} {event.progress:.0%}" if event.progress else event.words
        case TasteLearned():
            return event.tried or event.words
        case TalesRead():
            return event.words
        case PatternStep():
            line = (
                f"step {event.step}/{event.total}: loss {event.loss:.3f}, on held-back tales"
                f" {event.held_out:.3f}, {event.eta:.0f} s to go"
            )
            return f"{line}; {event.note}" if event.note else line
        case Step():
            line = (
                f"update {event.step}/{event.total}: reward {event.reward:+.2f},"
                f" kl {event.kl:.2f} of {event.kl_target:g}, {event.eta:.0f} s to go"
            )
            return f"{line}; {event.note}" if event.note else line
        case Drawn() | MannerLearned():
            return ""
        case Waiting(reason="pause"):
            return "paused; `talecraft train resume` lets it go on"
        case Waiting():
            return "waiting while a turn is written"
        case GoingOn():
            return f"going on after {event.seconds:.0f} s"
        case Example(sample=sample):
            before, now = sample.told
            return (
                f"an example after update {event.step}: {sample.prompt} BEFORE: {before} NOW: {now}"
            )
        case Outcome():
            return f"{state_words(event.state)}: {event.words}"


def _print_end(ended: TrainingRun) -> None:
    from talecraft.process.run_events import Outcome

    if not ended.outcome:
        console.out(f"Run {ended.id}: {ended.state_words}. {ended.error}".rstrip())
        return
    outcome = msgspec.json.decode(ended.outcome, type=Outcome)
    print_outcome(outcome, ended.state_words, ended.error)


def print_outcome(outcome: Outcome, state: str, error: str = "") -> None:
    """The verdict, what it rests on, and the adapter, on stdout."""
    console.out(f"{state.capitalize()}: {outcome.words}")
    if error:
        console.out(error)
    print_checks(outcome.checks)
    for phrase in outcome.phrases:
        way = "rose" if phrase.rose else "fell"
        per = " in 1,000 words" if phrase.words_before else ""
        console.out(f'  {way}{per}: "{phrase.text}" {" -> ".join(phrase.told)}')
    for sample in outcome.samples:
        console.out("After: {}\n  was: {}\n  is: {}".format(sample.prompt, *sample.told))
    if outcome.adapter_id:
        console.out(f"Adapter: {outcome.adapter_id}")
    console.out(f"{outcome.steps} steps in {outcome.seconds:.0f} s")


def print_checks(checks: Sequence[Check]) -> None:
    """Each condition of the gate: what was measured, how surely, and the bar."""
    from talecraft.process.run_events import SHOWN

    for check in checks:
        sure = ""
        if check.low is not None and check.high is not None:
            sure = f", 90 % sure {check.low:.3g} to {check.high:.3g}"
        held = "   " if check.bar == SHOWN else "ok " if check.passed else "NOT"
        console.out(
            f"  {held} {check.name}: {check.value:.3g}{sure} (bar {check.bar}). {check.words}"
        )
