"""Between text and token ids: blocks to ids, ids to text as they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from talecraft.story import window
from talecraft.story.context import Block, PromptStyle

_BROKEN = "�"  # what a decoder gives for half a character
_COUNTS = 4096  # texts whose length is kept
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
        self._counts = dict[str, int]()
        self._texts = dict[int, str]()
        self._repeatable: Tensor | None = None

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: list[int]) -> str:
        # A stream of tokens asks for the text of each one alone.
        if len(ids) != 1:
            return self._decode(ids)
        if ids[0] not in self._texts:
            self._texts[ids[0]] = self._decode(ids)
        return self._texts[ids[0]]

    def _decode(self, ids: list[int]) -> str:
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
            divides = token in self.end_ids or not _DIVIDERS.isdisjoint(self._decode([token]))
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

    def count(self, text: str) -> int:
        """How many ids `text` is. Of what stands beside a story the same is asked at every turn."""
        if text not in self._counts:
            if len(self._counts) >= _COUNTS:
                self._counts.clear()
            self._counts[text] = len(self.encode(text))
        return self._counts[text]

    def cut(self, text: str, most: int) -> str:
        """The beginning of `text`, at most `most` tokens of it, with its last word whole where
        words are told apart by blanks."""
        ids = self.encode(text)
        if len(ids) <= most:
            return text
        cut = self.decode(ids[: max(0, most)]).rstrip(_BROKEN)
        blank = max(cut.rfind(" "), cut.rfind("\n"))
        return cut[:blank] if blank >= len(cut) // 2 else cut

    def premise(self, block: Block) -> list[int]:
        """The ids of a prompt that is no more than its premise."""
        return [token for one in self.head([block]) for token in one.ids]

    def head(self, blocks: Sequence[Block]) -> list[window.Piece]:
        """What stands before the first passage: as it is, after the style's example, or as the
        user's message of the model's chat template. A template that opens the model's thinking
        leaves that to the program."""
        if self.style.chat:
            return self._message(blocks)
        example = [window.Piece("form", "", self.example)] if self.example else []
        return example + [window.Piece(one.source, one.name, self.block(one)) for one in blocks]

    def _message(self, blocks: Sequence[Block]) -> list[window.Piece]:
        told = "\n\n".join(block.text.strip() for block in blocks)
        messages = [{"role": "user", "content": f"{self.style.system}\n\n{told}".strip()}]
        text = str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        )
        opened = self.style.think_open.strip()
        if opened and text.rstrip().endswith(opened):
            text = text.rstrip().removesuffix(opened)
        return self._parted(text, blocks)

    def _parted(self, text: str, blocks: Sequence[Block]) -> list[window.Piece]:
        """The ids of the whole `text`, each given to the block in which it begins."""
        where: list[tuple[int, Block | None]] = [(0, None)]
        at = len(self.style.system)
        for block in blocks:
            told = block.text.strip()
            start = text.find(told, at)
            if start < 0:  # a template that changes what it is given
                continue
            where += [(start, block), (at := start + len(told), None)]
        tokens = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        parts: list[window.Piece] = []
        owner = -1
        for token, (begins, _) in zip(tokens["input_ids"], tokens["offset_mapping"], strict=True):
            now = max(n for n, (start, _) in enumerate(where) if start <= begins)
            if now != owner:
                owner, of = now, where[now][1]
                source, name = (of.source, of.name) if of is not None else ("form", "")
                parts.append(window.Piece(source, name, []))
            parts[-1].ids.append(int(token))
        return parts


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
