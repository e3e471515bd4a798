"""HTML that is made of elements: whatever is no element is text, cleaned and escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from talecraft.story.clean import clean, clean_line

_VOID = ("meta", "img", "br")


class Html(str):
    """Markup made here, which may stand as it is. Nothing from outside becomes one unescaped."""

    __slots__ = ()


Inside = str | Html | None


def text(words: Inside) -> Html:
    """Words as they are read, whatever they look like; an element stays one."""
    if isinstance(words, Html):
        return words
    return Html(html.escape(clean(words or "")))


def el(name: str, /, *inside: Inside, **attributes: str | None) -> Html:
    """An element. Attributes are spelt as Python lets them (`class_`, `aria_label`); None leaves
    one out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(clean_line(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{''.join(map(text, inside))}</{name}>")


def each(elements: Iterable[Html]) -> Html:
    """Elements one after the other."""
    return Html("\n".join(elements))


def section(anchor: str, title: str, *inside: Inside) -> Html:
    return el("section", el("h2", title), *inside, id=anchor)


def folded(summary: Inside, *inside: Inside, class_: str | None = None) -> Html:
    """What is long, and shown when it is asked for."""
    return el("details", el("summary", summary), *inside, class_=class_)


def facts(pairs: Iterable[tuple[str, Inside]]) -> Html:
    """Names and what belongs to them; those with nothing are left out."""
    return el("dl", *(el("div", el("dt", name), el("dd", one)) for name, one in pairs if one))


def table(
    caption: str,
    head: Sequence[Inside],
    rows: Iterable[Sequence[Inside]],
    words: Sequence[int] = (),
) -> Html:
    """A table in a frame that scrolls by itself; the columns `words` are text, the others figures.
    The first cell of each row names it."""

    def cell(at: int, one: Inside) -> Html:
        kind = "words" if at in words else None
        return el("td", one, class_=kind) if at else el("th", one, class_=kind, scope="row")

    heads = (
        el("th", one, class_="words" if at in words else None, scope="col")
        for at, one in enumerate(head)
    )
    body = (el("tr", *(cell(at, one) for at, one in enumerate(row))) for row in rows)
    whole = el(
        "table",
        el("caption", caption) if caption else None,
        el("thead", el("tr", *heads)),
        el("tbody", each(body)),
    )
    return el("div", whole, class_="table", tabindex="0", role="region", aria_label=caption or None)
