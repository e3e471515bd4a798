"""The turns that a run drew to learn from, update by update, and what each of them was worth."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from talecraft.process.run_events import Drawn, Practised
from talecraft.story.clean import clean_line
from talecraft.studio.figures import part_words
from talecraft.studio.reporting.html import Html, each, el, folded, section, table
from talecraft.studio.reporting.told import Told

MOST = 2000  # turns that are shown whole; of more than these each update shows its ends
ENDS = 8  # the best of an update, and the worst
FIRST_WORDS = 70  # characters of a turn that stand in its row


def drawn(told: Told) -> Html | None:
    """What was practised, folded by updates; None where the run did not tell it."""
    if not told.drawn:
        return None
    ends = None if told.turns <= MOST else ENDS
    about = (
        f"{told.turns:,} passages were drawn to learn from, and each was valued: by what each part"
        " of the reward gave, in standard deviations of the reference, and by how far it had moved"
        " from how the model wrote (KL, in nats). The best stand first."
    )
    if ends is not None:
        about += (
            f" Of each {told.kind.steps} the {ends} best and the {ends} worst are shown here;"
            f" `talecraft train drawn {told.run.id} --update N` shows all."
        )
    notes = {step.step: step.note for step in told.steps}
    return section(
        "drawn", "What it practised", el("p", about),
        each(_update(told.kind.steps, one, notes.get(one.step, ""), ends) for one in told.drawn),
    )  # fmt: skip


def _update(steps: str, update: Drawn, note: str, ends: int | None) -> Html:
    turns = sorted(update.turns, key=lambda one: -one.total)
    shown = turns if ends is None or len(turns) <= 2 * ends else [*turns[:ends], *turns[-ends:]]
    mean = sum(one.total for one in turns) / len(turns)
    kept = sum(one.kept for one in turns)
    summary = (
        f"{steps.capitalize()} {update.step}: {len(turns)} passages, {kept} chosen to learn from;"
        f" reward {mean:+.2f} ({turns[-1].total:+.2f} to {turns[0].total:+.2f})"
    )
    names = list(dict.fromkeys(name for one in turns for name in one.parts))
    return folded(
        summary,
        el("p", note, class_="soft") if note else None,
        table(
            "",
            ["", "Reward", *(part_words(name) for name in names), "KL", "Chosen", "Passage"],
            [_row(at, one, names) for at, one in enumerate(shown, 1)],
            (5 + len(names) - 1, 5 + len(names)),
        ),
    )


def _row(at: int, turn: Practised, names: Sequence[str]) -> list[str | Html]:
    parts = [f"{turn.parts[name]:+.2f}" if name in turn.parts else "–" for name in names]
    return [
        str(at), f"{turn.total:+.2f}", *parts, f"{round(turn.kl, 1) + 0.0:.1f}",
        "yes" if turn.kept else "no", _whole(turn),
    ]  # fmt: skip


def _whole(turn: Practised) -> Html:
    """Its first words, and all of it when they are opened."""
    first = shorten(clean_line(turn.prose), FIRST_WORDS, placeholder=" …")
    return folded(
        first or "(no prose)",
        el("p", "After", class_="label"),
        el("p", turn.prompt, class_="story plan", dir="auto"),
        el("p", "Plan", class_="label"),
        el("p", turn.outline, class_="story plan", dir="auto"),
        el("p", "Passage", class_="label"),
        el("p", turn.prose, class_="story", dir="auto"),
    )
