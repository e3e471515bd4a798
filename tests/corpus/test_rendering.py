"""What is learned from looks exactly as the program shows a story."""

from __future__ import annotations

from talecraft.corpus.rendering import Span, render
from talecraft.corpus.tales import Passage, Tale
from talecraft.story.context import PromptStyle, blocks
from talecraft.story.turns import Story, Turn

STYLE = PromptStyle()
TALE = Tale(
    "A fox",
    (
        Passage(("She finds a key", "An owl calls"), "She found a key."),
        Passage((), "The writer's own."),
        Passage(("A door opens",), "The door opened."),
    ),
)


def _text(spans: list[Span]) -> str:
    return "".join(one.text for one in spans)


def _learned(spans: list[Span]) -> str:
    return "".join(one.text for one in spans if one.learned)


def test_the_text_is_the_programs_own_context() -> None:
    story = Story(1, "", "A fox", None, "", "")
    path = [
        Turn(
            at, 1, None, "model" if one.outline else "writer",
            "".join(f"- {beat}\n" for beat in one.outline), one.prose, "",
        )
        for at, one in enumerate(TALE.passages)
    ]  # fmt: skip
    shown = "".join(block.text for block in blocks(story, path, STYLE, "other@1"))
    assert _text(render(TALE, STYLE, end="<eos>")) == shown + "<eos>"


def test_plans_prose_and_the_tag_that_ends_them_are_learned() -> None:
    spans = render(TALE, STYLE)
    assert _learned(spans) == (
        "- She finds a key\n- An owl calls\n<story>\nShe found a key.\n"
        "- A door opens\n<story>\nThe door opened.\n<think>\n"
    )
    assert _text(spans).startswith("<prompt>\nA fox\n<think>\n- She")


def test_a_turn_after_a_turn_begins_with_the_tag_that_ended_it() -> None:
    two = Tale("A fox", (TALE.passages[0], TALE.passages[2]))
    assert "She found a key.\n<think>\n- A door" in _learned(render(two, STYLE, end="<eos>"))
    assert _learned(render(two, STYLE, end="<eos>")).endswith("The door opened.\n<eos>")


def test_earlier_passages_and_examples_are_only_read() -> None:
    cut = _text(render(TALE, STYLE, shown=TALE, end="<eos>", ends=False))
    assert cut.count("<eos>") == 1
    assert cut.endswith("The door opened.\n<think>\n")
    assert "The door opened.\n<eos><prompt>" in cut
    spans = render(TALE, STYLE, shown=TALE, first=2, end="<eos>")
    assert _learned(spans) == "- A door opens\n<story>\nThe door opened.\n<eos>"
    assert _text(spans).count("<prompt>") == 2
    assert _text(spans).count("<eos>") == 2
