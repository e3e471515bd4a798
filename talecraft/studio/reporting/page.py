"""The report as one HTML page, which asks for nothing from outside and does nothing by itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from talecraft.library.runs import state_words
from talecraft.process.run_events import SHOWN, Check, Sample
from talecraft.studio.figures import Figure, duration
from talecraft.studio.reporting import manner, passages, receipt
from talecraft.studio.reporting.curves import Curve
from talecraft.studio.reporting.html import Html, each, el, facts, folded, section, table
from talecraft.studio.reporting.told import Told

CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
MARK = "talecraft-run"  # the name of the meta element that says whose report it is
MOST_ROWS = 30  # steps in a table that is not folded away
_TITLES = {
    "pattern": "What the model learned from tales",
    "style": "What the model learned of an author's manner",
}
_TITLE = "What the model learned of your taste"
_LOOKS = {"adopted": "good", "rejected": "bad", "failed": "bad"}


class Picture(NamedTuple):
    """A curve as PNGs: on white, and for a dark screen."""

    light: bytes
    dark: bytes


def page(
    told: Told, curves: Sequence[Curve], pictures: Mapping[str, Picture], now: datetime
) -> str:
    """The whole page; `pictures` by the ids of `curves`, and of the manner where there is one;
    `now` with its time zone."""
    parts = [
        section("curves", "How it went", _curves(curves, pictures)),
        _manner(told, pictures),
        _samples(told),
        _phrases(told),
        _gate(told),
        section("figures", "Every figure", _figures(told)),
        passages.drawn(told),
        receipt.receipt(told, now),
    ]
    shown = [part for part in parts if part]
    body = el(
        "body",
        el("header", _head(told), _contents(shown)),
        el("main", _short(told), *shown),
        el("footer", f"Written by Talecraft on {now:%-d %B %Y, %H:%M}. It reaches out to nothing."),
    )
    return f"<!DOCTYPE html>\n{el('html', _meta(told), body, lang='en')}\n"


def mark(run_id: str) -> Html:
    """What stands near the beginning of every report of this run, and of no other."""
    return el("meta", name=MARK, content=run_id)


def _meta(told: Told) -> Html:
    allowed = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{allowed}'; base-uri 'none';"
        " form-action 'none'"
    )
    return el(
        "head",
        el("meta", charset="utf-8"),
        mark(told.run.id),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"Talecraft: training run {told.run.id}"),
        el("style", Html(CSS)),
    )


def _head(told: Told) -> Html:
    run, outcome = told.run, told.outcome
    words = outcome.words if outcome is not None and not told.going else ""
    if told.going:
        words = "It was still going when this page was written."
    state = "still going" if told.going else state_words(run.state)
    steps = f"{told.last.step} of {told.last.total} {told.kind.steps}s"
    return each(
        [
            el("p", "Talecraft · a training run", class_="kicker"),
            el("h1", _TITLES.get(run.method, _TITLE)),
            el("p", state.capitalize(), class_=f"state {_LOOKS.get(run.state, 'soft')}"),
            el("p", words or run.error, class_="lede"),
            facts(
                [
                    ("Run", el("code", run.id)),
                    ("Model", run.model_id),
                    ("Begun", run.started_at[:16].replace("T", " ") + " UTC"),
                    ("Came to", steps + (f", {_time(told)}" if _time(told) else "")),
                ]
            ),
        ]
    )


def _time(told: Told) -> str:
    if told.outcome is not None and told.outcome.seconds:
        return f"in {duration(told.outcome.seconds)}"
    return ""


def _contents(parts: Sequence[Html]) -> Html:
    """Links to what there is, read from the parts' own headings."""
    links = []
    for part in parts:
        anchor = part.split('id="', 1)[1].split('"', 1)[0]
        title = part.split("<h2>", 1)[1].split("</h2>", 1)[0]
        links.append(el("a", Html(title), href=f"#{anchor}"))
    return el("nav", *links, aria_label="Contents")


def _short(told: Told) -> Html:
    """What one wants to know first, a sentence each."""
    lines = [told.taste.words if told.taste else "", told.tales.words if told.tales else ""]
    lines += [_last(figure, told) for figure in told.kind.page[:2]]
    outcome = told.outcome
    if outcome is None or told.last.note not in outcome.words:
        lines.append(told.last.note)
    if outcome is not None and outcome.checks:
        asked = [check for check in outcome.checks if check.bar != SHOWN]
        held = sum(check.passed for check in asked)
        lines.append(f"{held} of {len(asked)} conditions of the closing test held.")
        lines.append(outcome.reason)
    lines.append(receipt.adapter_words(told))
    return section(
        "short", "In short", el("ul", *(el("li", one) for one in lines if one), class_="short")
    )


def _last(figure: Figure, told: Told) -> str:
    values = [figure.of(step) for step in told.steps]
    course = figure.course(values)
    return f"{figure.name}: {figure.shown(values[-1])}, {course} ({figure.means(told.last)})."


def _curves(curves: Sequence[Curve], pictures: Mapping[str, Picture]) -> Html:
    return el("div", each(_figure(one, pictures[one.id]) for one in curves), class_="curves")


def _manner(told: Told, pictures: Mapping[str, Picture]) -> Html | None:
    if told.manner is None:
        return None
    about = manner.title(told.manner)
    gained = "; ".join(
        f"{name} {manner.gain_words(one)}" for name, one in manner.gains(told.manner)
    )
    shown = [
        el("img", src=_inside(one), alt=f"{about}. {gained}.", class_=when)
        for one, when in zip(pictures[manner.ID], ("day", "night"), strict=True)
    ]
    return section(
        "manner",
        "The author's manner",
        el("p", f"{about}."),
        el("figure", *shown, class_="wide"),
        table(f"Gains: {gained}.", manner.HEAD, manner.rows(told.manner)),
    )


def _inside(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _figure(curve: Curve, picture: Picture) -> Html:
    light, dark = map(_inside, picture)
    words = f"{curve.title} over the {curve.steps}s. {curve.words}"
    # Two pictures, of which the style shows one: a <source> for dark screens would stay on paper.
    return el(
        "figure",
        el(
            "figcaption",
            el("h3", curve.title),
            el("p", curve.technical, class_="technical"),
        ),
        el("img", src=light, alt=words, class_="day"),
        el("img", src=dark, alt=words, class_="night"),
        el("p", f"{curve.means.capitalize()}. {curve.words}", class_="words"),
        class_="wide" if curve.wide else None,
    )


# ---------------------------------------------------------------------- before and after
def _samples(told: Told) -> Html | None:
    outcome = told.outcome
    pairs = [
        _pair(f"After {told.kind.steps} {one.step}", "Before", one.sample) for one in told.examples
    ]
    pairs += [_pair("After", "Before", one) for one in (outcome.samples if outcome else ())]
    if not pairs:
        return None
    about = "The same beginning and the same draw of chance, before the run and after it."
    return section("samples", "Before and after", el("p", about), each(pairs))


def _pair(after: str, before: str, sample: Sample) -> Html:
    sides = (
        el("div", el("p", label, class_="label"), el("p", words, class_="story", dir="auto"))
        for label, words in zip((before, after), sample.told, strict=True)
    )
    prompt = el("p", sample.prompt.strip(), class_="prompt", dir="auto")
    return el("div", prompt, el("div", *sides, class_="sides"), class_="pair")


def _phrases(told: Told) -> Html | None:
    phrases = told.outcome.phrases if told.outcome else []
    if not phrases:
        return None
    per = " in 1,000 words" if phrases[0].words_before else ""
    rows = [
        (f"“{one.text}”", "rose" if one.rose else "fell", *one.told)
        for one in sorted(phrases, key=lambda one: not one.rose)
    ]
    caption = f"Turns of phrase that it came to use more, or less{per}."
    head = ("Phrase", "It", "before", "after")
    return section("phrases", "Its phrases", table(caption, head, rows, (0, 1)))


# ---------------------------------------------------------------------- the gate
def _gate(told: Told) -> Html | None:
    checks = told.outcome.checks if told.outcome else []
    if not checks:
        return None
    about = (
        "Nothing is adopted unproven: what was learned is compared with what wrote before, on"
        " prompts and scores that it did not learn from."
    )
    head = ("Condition", "", "Measured", "90 % interval", "Bar", "Held")
    rows = [
        (el("code", one.name), one.words, f"{one.value:.3g}", _interval(one), one.bar, _held(one))
        for one in checks
    ]
    return section("gate", "The closing test", el("p", about), table("", head, rows, (0, 1, 4, 5)))


def _interval(check: Check) -> str:
    if check.low is None or check.high is None:
        return "–"
    return f"{check.low:.3g} to {check.high:.3g}"


def _held(check: Check) -> Html:
    if check.bar == SHOWN:
        return el("span", "shown only", class_="soft")
    return (
        el("span", "✓ held", class_="yes")
        if check.passed
        else el("span", "✗ not held", class_="no")
    )


# ---------------------------------------------------------------------- every figure
def _figures(told: Told) -> Html:
    """A row for each step, and what a step noted; long tables are folded away."""
    figures, called = [*told.kind.page, *told.kind.paper], told.kind.steps.capitalize()
    head = [called, *(one.name for one in figures)]
    rows = [
        (
            str(step.step),
            *(one.shown(one.of(step)) if one.measured(step) else "–" for one in figures),
        )
        for step in told.steps
    ]
    whole = table("", head, rows)
    if len(rows) > MOST_ROWS:
        whole = folded(f"All {len(rows)} {told.kind.steps}s that were told", whole)
    notes = (el("p", f"{called} {one.step}: {one.note}") for one in told.steps if one.note)
    return each([whole, *notes])
