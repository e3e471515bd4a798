"""Between text and token ids: blocks to ids, ids to text as they arrive."""

from __future__ import annotations

from typing import Any

from talecraft.story.context import Block, PromptStyle

_BROKEN = "�"  # what a decoder gives for half a character


class Codec:
    """One model's tokeniser, its prompt style, and the ids that end a turn."""

    def __init__(self, tokenizer: Any, style: PromptStyle, end_ids: set[int]) -> None:
        self.style = style
        self.end_ids = end_ids
        self._tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(
                ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )

    def block(self, block: Block) -> list[int]:
        """A block's ids: the recorded ones where there are any, closed with a line's end."""
        if not block.ids:
            return self.encode(block.text)
        if self.decode(block.ids[-1:]).endswith("\n"):
            return list(block.ids)
        return list(block.ids) + self.encode("\n")

    def premise(self, block: Block) -> list[int]:
        """The first block: as it is, or as the user's message of the model's chat template."""
        if not self.style.chat:
            return self.block(block)
        messages = [{"role": "user", "content": f"{self.style.system}\n\n{block.text}".strip()}]
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return self.encode(text)


class TextStream:
    """Ids in, text out, never half a character.

    Decodes a short window that starts a few tokens back, so that a token's text may depend on the
    ones before it.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._ids: list[int] = []
        self._start = 0  # where the window begins
        self._told = 0  # ids whose text has been given
        self.ends: list[int] = []  # characters given after each id

    def feed(self, token: int) -> str:
        """The text that `token` completes; empty in the middle of a character."""
        self._ids.append(token)
        before = self._codec.decode(self._ids[self._start : self._told])
        window = self._codec.decode(self._ids[self._start :])
        text = ""
        if not window.endswith(_BROKEN):
            text = window[len(before) :]
            self._start, self._told = self._told, len(self._ids)
        self.ends.append((self.ends[-1] if self.ends else 0) + len(text))
        return text

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` ids."""
        del self._ids[length:], self.ends[length:]
        self._start, self._told = max(0, length - 1), length

    def flush(self) -> str:
        """What an unfinished character left behind, as a replacement mark."""
        before = self._codec.decode(self._ids[self._start : self._told])
        return self._codec.decode(self._ids[self._start :])[len(before) :]
