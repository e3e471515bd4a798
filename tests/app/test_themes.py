"""Our themes can be read: WCAG's contrast for every pair of colours that text is drawn in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

import talecraft.app
from talecraft.app.themes import LAMPLIGHT, NIGHT, THEMES
from talecraft.config import themes as names
from tests.app.conftest import begun, outcome, past_run, scored, until

TEXT, MUTED = 4.5, 3.0
APP = Path(talecraft.app.__file__).parent
GROUNDS = ("background", "surface", "panel")
# What stands under text besides: the chosen line of a list, with focus and without.
BLENDS = (("background", "primary", 0.22), ("background", "foreground", 0.08))


def luminance(color: Color) -> float:
    """Relative luminance of WCAG 2."""

    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: Color, other: Color) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colors(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def grounds(theme: Theme) -> dict[str, Color]:
    found = colors(theme)
    plain = {name: Color.parse(found[name]) for name in GROUNDS}
    for ground, over, share in BLENDS:
        plain[f"{over} {share:.0%}"] = Color.parse(found[ground]).blend(
            Color.parse(found[over]), share
        )
    return plain


def used() -> set[tuple[str, float]]:
    """Every colour that the app's own sources draw text in, and how much of it is left."""
    styles = "\n".join(path.read_text() for path in sorted((APP / "styles").glob("*.tcss")))
    sources = "\n".join(path.read_text() for path in sorted(APP.rglob("*.py")))
    found = re.findall(r"^ +color: \$([a-z-]+)(?: (\d+)%)?;", styles, re.MULTILINE)
    found += re.findall(r'"(?:bold |italic )*\$([a-z-]+)(?: (\d+)%)?"', sources)
    # A separator is not to be seen; a curve's axis is drawn, not read.
    return {
        (name, int(share or 100) / 100)
        for name, share in found
        if (name, share) not in (("background", ""), ("foreground", "30"))
    }


def test_the_scan_finds_what_is_used() -> None:
    assert {("foreground", 1.0), ("foreground", 0.6), ("text-accent", 1.0), ("primary", 1.0)} <= (
        used()
    )


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_colour_can_be_read_on_every_ground(theme: Theme) -> None:
    found = colors(theme)
    poor = []
    for name, share in sorted(used()):
        value, _, alpha = found[name].partition(" ")
        share *= float(alpha.rstrip("%") or 100) / 100
        color = Color.parse(value.replace("auto", "#ffffff" if theme.dark else "#000000"))
        # WCAG asks 3 to 1 of what is drawn and not read, too: bars, marks.
        least = MUTED if share < 1 or name == "primary" else TEXT
        for ground, behind in grounds(theme).items():
            seen = behind.blend(color, share)
            if (ratio := contrast(seen, behind)) < least:
                poor.append(f"{name} {share:.0%} on {ground}: {ratio:.2f}")
    assert not poor


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("keys", ["", "f1", "f2", "f3", "f5", "page", "new"])
async def test_every_text_on_screen_can_be_read(running, studio, place, theme, keys) -> None:
    """As it is really drawn, with Textual's own styles, opacities and blends."""
    place.config.mkdir(parents=True)
    place.settings_file.write_text(f'[page]\ntheme = "{theme.name}"\n')
    scored(studio, [4, 2])
    past_run(studio, outcome())
    async with running((120, 40)) as (app, pilot):
        if keys == "page":
            await begun(app, pilot, "A harbour")
            await pilot.press("4")
        elif keys == "new":
            app.action_new_story()
        elif keys:
            await pilot.press(keys)
        await pilot.pause()
        if keys == "f3":
            await until(pilot, lambda: "Adopted" in _text(app))
        foreground = Color.parse(app.current_theme.foreground)
        poor = {}
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                if re.search(r"\w", segment.text) and segment.style is not None:
                    ratio, least = _seen(segment.style, foreground)
                    if ratio < least:
                        poor[segment.text.strip()] = (round(ratio, 2), str(segment.style))
        assert not poor


def _text(app) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def _seen(style: Style, foreground: Color) -> tuple[float, float]:
    """A style's contrast, and what it needs: less where it is the theme's own colour, muted."""
    assert style.color is not None
    assert style.bgcolor is not None
    front, back = (Color.from_rich_color(one) for one in (style.color, style.bgcolor))
    if style.dim:
        front = back.blend(front, 0.5)
    if style.reverse:
        front, back = back, front
    shares = [part / 100 for part in range(50, 75)]
    muted = any(_near(front, back.blend(foreground, share)) for share in shares)
    muted = muted or front.r == front.g == front.b  # Textual's own muted text is grey
    return contrast(front, back), MUTED if muted else TEXT


def _near(one: Color, other: Color) -> bool:
    return all(abs(a - b) <= 2 for a, b in zip(one.rgb, other.rgb, strict=True))


def test_night_is_darker_and_lower_in_contrast_than_lamplight() -> None:
    night, lamp = ({n: Color.parse(c) for n, c in colors(t).items() if c[0] == "#" and " " not in c}
                   for t in (NIGHT, LAMPLIGHT))  # fmt: skip
    for ground in GROUNDS:
        assert luminance(night[ground]) < luminance(lamp[ground])
        for name in ("foreground", "text-primary", "text-accent", "text-warning", "text-success"):
            there = contrast(lamp[name], lamp[ground])
            assert contrast(night[name], night[ground]) < 0.75 * there
            assert contrast(night[name], night[ground]) <= contrast(
                night["foreground"], night[ground]
            )


def test_the_names_that_settings_know_are_the_themes_there_are() -> None:
    assert set(names.OURS) == {theme.name for theme in THEMES}
    assert set(names.TEXTUALS) == set(BUILTIN_THEMES)
