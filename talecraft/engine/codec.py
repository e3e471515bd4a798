"""Between text and token ids: blocks to ids, ids to text as they arrive."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from talecraft.story.context import Block, PromptStyle

_BROKEN = "�"  # what a decoder gives for half a character
_SPACES = ("Ġ", "▁")  # how tokenisers write the space before a word
_DIVIDERS = frozenset('\n:"“”*<>')


class Piece(NamedTuple):
    """One token in a text: whether a word or a mark `begins` with it, rather than going on; whether
    it `divides` the text (a line's end, a quotation mark, a part of a tag); a capital letter."""

    begins: bool
    divides: bool
    capital: bool

    @property
    def repeatable(self) -> bool:
        """Whether its repetition is one: no middle of a word, no name, no division."""
        return self.begins and not self.divides and not self.capital


class Codec:
    """One model's tokeniser, its prompt style, and the ids that end a turn."""

    def __init__(self, tokenizer: Any, style: PromptStyle, end_ids: set[int]) -> None:
        self.style = style
        self.end_ids = end_ids
        self._tokenizer = tokenizer
        self._pieces = dict[int, Piece]()
        self._repeatable: Tensor | None = None

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(
                ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )

    def piece(self, token: int) -> Piece:
        """What `token` is in a text."""
        if token not in self._pieces:
            written = str(self._tokenizer.convert_ids_to_tokens(token) or "")
            word = written.lstrip("".join(_SPACES))
            begins = written[:1] in _SPACES or not written[:1].isalnum()
            divides = token in self.end_ids or not _DIVIDERS.isdisjoint(self.decode([token]))
            self._pieces[token] = Piece(begins, divides, word[:1].isupper())
        return self._pieces[token]

    def repeatable(self, vocabulary: int) -> Tensor:
        """A mask (vocabulary,) of the tokens whose repetition is one."""
        if self._repeatable is None or len(self._repeatable) != vocabulary:
            every = [self.piece(one).repeatable for one in range(vocabulary)]
            self._repeatable = torch.tensor(every)
        return self._repeatable

    def block(self, block: Block) -> list[int]:
        """A block's ids: the recorded ones where there are any, closed with a line's end."""
        if not block.ids:
            return self.encode(block.text)
        if self.decode(block.ids[-1:]).endswith("\n"):
            return list(block.ids)
        return list(block.ids) + self.encode("\n")

    def styled(self, style: PromptStyle) -> Codec:
        """The same tokeniser for another style."""
        return Codec(self._tokenizer, style, self.end_ids)

    @property
    def example(self) -> list[int]:
        """The tale that shows the form; empty for who has learned it, and in a chat."""
        return self.encode(self.style.example) if self.style.example and not self.style.chat else []

    def premise(self, block: Block) -> list[int]:
        """The first block: as it is, after the style's example, or as the user's message of the
        model's chat template. A template that opens the model's thinking leaves that to the
        program."""
        if not self.style.chat:
            return self.example + self.block(block)
        messages = [{"role": "user", "content": f"{self.style.system}\n\n{block.text}".strip()}]
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        opened = self.style.think_open.strip()
        if opened and str(text).rstrip().endswith(opened):
            text = str(text).rstrip().removesuffix(opened)
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
