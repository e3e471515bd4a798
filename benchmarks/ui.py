"""`python -m benchmarks.ui`: the page at 1,000, 20,000 and 200,000 words.

Measured in a real pseudo-terminal, not with Textual's headless driver: that one writes no frame, so
it can say when a widget was asked to paint but not when the writer could see it; and it has neither
the thread that reads keys nor the one that writes frames, which is where a paste of 10 MB and a
stream of text meet the typing. Key to paint is the time from the key's bytes being written to the
terminal until the frame that shows what it did has been read from it.

The three programs run at the same time and are given the same key in turn, so that whatever else
the machine does falls on all of them alike: ratios can be trusted where milliseconds cannot.
"""

from __future__ import annotations

import os
import random
import statistics
import string
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import report
from benchmarks.report import Row
from benchmarks.terminal import (
    BACKSPACE,
    ENTER,
    ESCAPE,
    FIRST,
    PAGE_DOWN,
    PAGE_UP,
    TAB,
    Page,
)
from talecraft.config.assets import reference
from talecraft.paths import Home
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio

WORDS = (1_000, 20_000, 200_000)
PASSAGE = 100  # words
ROUNDS, LINE, STEPS, OPENINGS, STREAMS = 6, 30, 20, 9, 3
PROGRAM = ("-m", "benchmarks.quick")
PAUSE = 0.02  # between two keys, so that a frame is over before the next
TYPING = (0.03, 0.09)  # seconds between two keys while text streams: 17 a second
READY = "Write on, or press Enter"
PASTED = 10_000_000
KEY_MS, PASTE_MS, OPEN_MS, RATIO = 50.0, 100.0, 300.0, 1.5
Times = dict[int, list[float]]


def library(folder: Path, words: int) -> None:
    """One story of so many words, of which the model wrote three passages in four."""
    home = Home(folder / "data", folder / "config", folder / "cache", folder / "logs")
    chance = random.Random(1)
    known = " ".join(reference("prompt")).split()
    with Studio(at=home) as studio:
        story = studio.writing.new_story("A long evening at the harbour")
        stories, model, leaf = studio.library.stories, studio.model, None
        with studio.library.transaction():
            for number in range(1, words // PASSAGE + 1):
                text = [f"Passage {number}.", *chance.choices(known, k=PASSAGE - 2)]
                prose = " ".join(text[:55]) + "\n\n" + " ".join(text[55:])
                if number % 4 == 0:
                    leaf = stories.add_turn(story.id, leaf, "writer", prose).id
                    continue
                record = Generation(
                    model.id, model.revision, "none", None, "quick", Sampling(), [7] * 1500,
                    [7] * 160, [False] * 160, 24, 159, [-1.0] * 160, [-0.5] * 160, "end", 3.0,
                )  # fmt: skip
                leaf = stories.add_turn(
                    story.id, leaf, "model", prose, "- A beat\n- Another one", record
                ).id


def opened(page: Page, words: int) -> float:
    """Open the story from the library; seconds until its end and the composer are painted."""
    last = f"Passage {words // PASSAGE}."
    return page.answered(ENTER, lambda seen: last in seen and READY in seen)


def opening(pages: dict[int, Page]) -> Times:
    """Each story several times; the first also pays for what is imported with the page."""
    times: Times = {words: [] for words in pages}
    for _ in range(OPENINGS):
        for words, page in pages.items():
            times[words].append(opened(page, words))
            page.settle(1.0)
            page.answered(ESCAPE, lambda seen: "Stories" in seen)
            page.settle(0.5)
    for words, page in pages.items():
        opened(page, words)
        page.settle(1.0)
    return times


def typing(pages: dict[int, Page]) -> Times:
    """A letter into each composer in turn."""
    chance = random.Random(2)
    times: Times = {words: [] for words in pages}
    for _ in range(ROUNDS):
        typed = FIRST
        for page in pages.values():
            page.press(FIRST.encode())
            page.settle(0.2)
        for _ in range(LINE):
            typed += chance.choice(string.ascii_lowercase)
            for words in chance.sample(list(pages), len(pages)):
                times[words].append(pages[words].painted(typed))
                pages[words].settle(PAUSE)
        for page in pages.values():
            page.press(BACKSPACE * len(typed))
            page.settle(0.5)
    return times


def in_turn(pages: dict[int, Page], keys: list[bytes], shown: Callable[[str], bool]) -> Times:
    times: Times = {words: [] for words in pages}
    for _ in range(STEPS):
        for key in keys:
            for words, page in pages.items():
                times[words].append(page.answered(key, shown))
                page.settle(PAUSE)
    return times


def scrolling(pages: dict[int, Page]) -> Times:
    """A page up or down; the frame has another passage's beginning."""
    return in_turn(pages, [PAGE_UP, PAGE_UP, PAGE_DOWN, PAGE_DOWN], lambda seen: "Pass" in seen)


def choosing(pages: dict[int, Page]) -> Times:
    """The passage above or below is the chosen one."""
    for page in pages.values():
        page.press(TAB)
        page.settle(0.3)
        page.answered(b"k", lambda seen: "›" in seen)
    times = in_turn(pages, [b"k", b"k", b"j", b"j"], lambda seen: "›" in seen)
    for page in pages.values():
        page.press(ESCAPE)
        page.settle(0.3)
        page.answered(PAGE_DOWN, lambda seen: True)
        page.settle(0.3)
    return times


def streaming(pages: dict[int, Page]) -> tuple[Times, dict[int, int]]:
    """Letters at a quick typist's pace while text comes; those that never appear are counted."""
    chance = random.Random(3)
    times: Times = {words: [] for words in pages}
    dropped = dict.fromkeys(pages, 0)
    for _ in range(STREAMS):
        for words, page in pages.items():
            page.press(ENTER)
            page.until("● writing", 20)
            while page.generating:
                typed = FIRST
                page.press(FIRST.encode())
                while page.generating and len(typed) < LINE:
                    page.settle(chance.uniform(*TYPING))
                    typed += chance.choice(string.ascii_lowercase)
                    try:
                        times[words].append(page.painted(typed))
                    except RuntimeError:
                        dropped[words] += 1
                        break
                page.press(BACKSPACE * len(typed))
                page.settle(0.4)
            page.settle(1.0)
    return times, dropped


def pasting(page: Page, lines: bool) -> tuple[float, list[float]]:
    """Paste 10 MB, take them into the story, type on; seconds to the question, and of each key."""
    line = b"The keeper counted the ships that did not come, and wrote them down. "
    text = line * (PASTED // len(line))
    if lines:
        text = text.replace(b"down. ", b"down.\n")
    sent = page.paste(text)
    answered = sent + page.answered(b"", lambda seen: "Into the story" in seen, 60)
    page.settle(0.5)
    page.answered(ENTER, lambda seen: "are in the story" in seen, 60)
    page.settle(3.0)
    return answered, typing({0: page})[0]


def row(what: str, times: Times, bar: float = KEY_MS) -> Row:
    p95 = {words: 1000 * statistics.quantiles(found, n=20)[-1] for words, found in times.items()}
    middle = {words: 1000 * statistics.median(found) for words, found in times.items()}
    small, *_, great = times
    ratio, of_p95 = middle[great] / middle[small], p95[great] / p95[small]
    figure = (
        f"{of_p95:.2f}x ({ratio:.2f}x of medians); p95"
        f" {', '.join(f'{p95[words]:.0f}' for words in times)} ms (medians"
        f" {', '.join(f'{middle[words]:.0f}' for words in times)}, {len(times[great])} keys each)"
    )
    return Row(
        f"{what}, 200,000 words / 1,000", figure, f"<= {RATIO:g}x, <= {bar:g} ms",
        of_p95 <= RATIO and p95[great] <= bar,
    )  # fmt: skip


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        homes = {words: Path(name) / str(words) for words in WORDS}
        for words, home in homes.items():
            library(home, words)
        pages = {words: Page(home, PROGRAM) for words, home in homes.items()}
        try:
            for page in pages.values():
                page.until("○ ready")
                page.settle(1.0)
            return measured(pages)
        finally:
            for page in pages.values():
                page.close()


def measured(pages: dict[int, Page]) -> list[Row]:
    openings = opening(pages)
    found = [row("typing", typing(pages)), row("a page up or down", scrolling(pages))]
    found.append(row("choosing a passage", choosing(pages)))
    streams, dropped = streaming(pages)
    great = max(pages)
    worst = 1000 * max(openings[great])
    opened_in = ", ".join(f"{1000 * statistics.median(times):.0f}" for times in openings.values())
    figure = f"{worst:.0f} ms at worst of {OPENINGS}, the first included (medians {opened_in})"
    found.append(Row("opening 200,000 words", figure, f"<= {OPEN_MS:g} ms", worst <= OPEN_MS))
    found.append(row("typing while 400 tokens a second come", streams))
    lost = sum(dropped.values())
    found.append(Row("keys dropped meanwhile", str(lost), "0", not lost))
    for lines, what in ((True, "10 MB in lines"), (False, "10 MB without a line break")):
        seconds, keys = pasting(pages[great], lines)
        p95 = 1000 * statistics.quantiles(keys, n=20)[-1]
        found.append(Row(f"{what}: question after", f"{seconds:.2f} s", "<= 1 s", seconds <= 1))
        told = f"p95 {p95:.0f} ms (median {1000 * statistics.median(keys):.0f})"
        found.append(
            Row(f"{what}: typing when they are in the story", told, f"<= {PASTE_MS:g} ms",
                p95 <= PASTE_MS)
        )  # fmt: skip
    return found


def note() -> str:
    return (
        "Milliseconds at 1,000, 20,000 and 200,000 words, in this order; the ratio is of the p95s."
        " An engine without a model writes. The three programs were given each key in turn, so"
        " ratios can be trusted more than milliseconds: other work ran on this machine, whose"
        f" load was {os.getloadavg()[1]:.1f}, these programs included."
    )


if __name__ == "__main__":
    measurements = rows()
    report.write("The page of a long story", "python -m benchmarks.ui", measurements, note())
