"""What a run learned of an author's manner, as a table and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from talecraft.process.run_events import Estimate, MannerLearned, MannerStage
from talecraft.story.clean import clean_line
from talecraft.studio.reporting.drawing import LIGHT, Palette, Plotter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ID = "manner"  # the picture's name as a file
NAMES = {"before": "before", "sft": "after SFT", "grpo": "after GRPO"}
SIZE = (7.6, 2.9)  # inches
HEAD = ("", "to the author", "90 % sure", "to others", "nearest", "content kept", "perplexity")


class Row(NamedTuple):
    """One stage in words; the fields are those of HEAD."""

    name: str
    cosine: str
    sure: str
    others: str
    nearest: str
    content: str
    perplexity: str


def rows(told: MannerLearned) -> list[Row]:
    """Every stage, and the author's own chunks."""
    found = [_row(one) for one in told.stages]
    own = f"{clean_line(told.author)}'s own"
    return [*found, Row(own, f"{told.own:.3f}", "", f"{told.own_others:.3f}", "", "", "")]


def gains(told: MannerLearned) -> list[tuple[str, Estimate]]:
    """What each stage gained, passage by passage."""
    names = ("SFT over before", "GRPO over SFT", "GRPO over before")
    return list(zip(names, told.gains, strict=True))


def gain_words(one: Estimate) -> str:
    return f"{one.value:+.3f} (90 % sure: {one.low:+.3f} to {one.high:+.3f})"


def title(told: MannerLearned) -> str:
    return (
        f"The manner of {clean_line(told.author)}: cosine of passages to {told.turns} held-back"
        f" plans, to the centroid of {told.held} held-back chunks"
    )


def _row(one: MannerStage) -> Row:
    return Row(
        NAMES[one.name],
        f"{one.cosine.value:.3f}",
        f"{one.cosine.low:.3f} to {one.cosine.high:.3f}",
        f"{one.others.value:.3f}",
        f"{one.nearest:.0%}",
        f"{one.content.value:.0%}",
        f"{one.perplexity:.1f}",
    )


def picture(told: MannerLearned, plotter: Plotter, colours: Palette = LIGHT) -> bytes:
    """Cosine to the author and to others, content kept, and perplexity, by stage, as a PNG."""

    def draw(figure: Any) -> None:
        cosine, content, perplexity = figure.subplots(1, 3, width_ratios=(2, 1, 1))
        _marks(cosine, [one.cosine for one in told.stages], colours.lines[0], "to the author")
        _marks(cosine, [one.others for one in told.stages], colours.lines[1], "to others")
        cosine.axhline(
            told.own, color=colours.lines[0], linewidth=1.0, linestyle="--", label="author's own"
        )
        cosine.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, borderaxespad=0.2)
        cosine.set_ylabel("cosine")
        _marks(content, [one.content for one in told.stages], colours.lines[2], "")
        content.set_ylabel("content kept (recall)")
        content.set_ylim(0, 1)
        perplexities = [one.perplexity for one in told.stages]
        perplexity.bar(range(len(perplexities)), perplexities, width=0.5, color=colours.lines[3])
        perplexity.set_ylabel("perplexity of held chunks")
        for axes in (cosine, content, perplexity):
            axes.set_xticks(range(len(told.stages)), ["before", "SFT", "GRPO"])
            axes.margins(x=0.15)

    return plotter.picture(SIZE, draw, colours)


def _marks(axes: Axes, values: list[Estimate], colour: str, name: str) -> None:
    middles = [one.value for one in values]
    below = [one.value - one.low for one in values]
    above = [one.high - one.value for one in values]
    axes.errorbar(
        range(len(values)), middles, yerr=(below, above), color=colour, marker="o", markersize=4,
        linewidth=1.3, capsize=3, label=name,
    )  # fmt: skip
