"""What the model is shown: the story as blocks of text, fitted to the model's window.

The writing side builds blocks (it knows the tree), the engine counts them (it knows the
tokeniser); the rules of both are here and pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from talecraft.story.turns import Story, Turn


class PromptStyle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is shown a story: the tags of the pattern it was trained on, or a chat.

    `ending` is the beat that asks the model to bring the story to its end. With `chat` the premise
    goes into the user's message of the model's own chat template, under `system`, and the
    manuscript is the assistant's message, so far as it is written. `example` is a short tale in
    this form that stands before every prompt of a model that has not learned the pattern.
    """

    premise_open: str = "<prompt>\n"
    think_open: str = "<think>\n"
    story_open: str = "<story>\n"
    stops: tuple[str, ...] = ("<think>", "<story>", "<prompt>", "<eos>")
    ending: str = "- The end"
    chat: bool = False
    system: str = ""
    example: str = ""

    @property
    def prose_tag(self) -> str:
        """The tag by which the model itself ends its outline."""
        return self.story_open.strip()

    @property
    def last_beat(self) -> str:
        """The beat that asks for the end, without its dash."""
        return self.ending.removeprefix("- ")

    def opening_of_prose(self, outline: str) -> str:
        """What the program writes after `outline` to open the prose, on a line of its own."""
        begins_a_line = outline.endswith("\n") or self.story_open.startswith("\n")
        return self.story_open if begins_a_line else "\n" + self.story_open

    def asked_to_end(self, outline: str) -> str:
        """What the program adds to `outline` for the story to end with this passage; '' where the
        plan says so already."""
        if outline.rstrip().rpartition("\n")[2].removeprefix("- ") == self.last_beat:
            return ""
        if not outline.strip() and self.think_open.endswith("- "):  # the dash stands already
            return self.last_beat + "\n"
        return ("" if outline.endswith("\n") or not outline else "\n") + self.ending + "\n"


class Block(msgspec.Struct, frozen=True):
    """A stretch of context. `ids`, where given, are the very tokens the model once wrote."""

    text: str
    ids: list[int] = []


def blocks(story: Story, path: Sequence[Turn], style: PromptStyle, model: str) -> list[Block]:
    """The story up to the end of `path`, premise first.

    `model` is `id@revision`: only its own tokens are passed on as ids, others are re-tokenised.
    """
    result = [Block(f"{style.premise_open}{story.premise.strip()}\n")]
    for turn in path:
        text = f"{style.story_open}{turn.prose.strip()}\n"
        ids: list[int] = []
        if turn.author == "model":
            if turn.outline.strip():
                text = f"{style.think_open}{turn.outline.strip()}\n{text}"
            made = turn.generation if not turn.revision else None  # ids are those of its first text
            if made is not None and f"{made.model_id}@{made.revision}" == model:
                ids = made.response_ids[: made.prose_end]
        result.append(Block(text, ids))
    return result


def fit(lengths: Sequence[int], budget: int) -> int:
    """How many of the oldest blocks after the first leave so that the rest fit `budget` tokens.

    The first block (the premise) always stays. Text leaves in steps of a quarter of the budget,
    so that between two steps the prefix, and with it the engine's cache, stays as it is. The
    newest block always stays, even alone too long: the engine then cuts its beginning.
    """
    if not lengths:
        return 0
    over = sum(lengths) - budget
    if over <= 0:
        return 0
    step = max(1, budget // 4)
    must_leave = -(-over // step) * step
    gone = count = 0
    for length in lengths[1:-1]:
        if gone >= must_leave:
            break
        gone += length
        count += 1
    return count


def assemble(
    story: Sequence[Block],
    encode: Callable[[Block], list[int]],
    budget: int,
) -> list[int]:
    """The prompt's ids, at most `budget` of them. `encode` turns one block into ids."""
    parts = [encode(block) for block in story]
    dropped = fit([len(part) for part in parts], budget)
    head, rest = parts[0], parts[1 + dropped :]
    tail = [token for part in rest for token in part]
    if len(head) + len(tail) > budget:  # a premise of half the window and more is cut
        head = head[: budget // 2] if rest else head[:budget]
    return head + tail[max(0, len(tail) - (budget - len(head))) :]
