"""Styles: encoders of manners, fitted to scored pairs and kept by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.paths import Home, private_folder, private_new, private_write
from talecraft.process import style, tensors
from talecraft.process.messages import ModelRef
from talecraft.process.style import Epoch, StyleOrder, Tuned
from talecraft.studio import encoders, foreign, named

DEFAULT = "style"
SEED = 0
NUMBERS, FACTS = "style.safetensors", "style.json"  # in the folder of each


class Kept(msgspec.Struct, frozen=True):
    """A style by its name; of one that is broken nothing is known."""

    name: str
    path: Path
    tuned: Tuned | None


class Styles:
    """`model_ref` says where a model is on disk."""

    def __init__(self, home: Home, model_ref: Callable[[ModelSpec], ModelRef]) -> None:
        self._home = home
        self._model_ref = model_ref

    def fit(
        self,
        model: ModelSpec,
        pairs: Path,
        encoder: str = "",
        name: str = DEFAULT,
        epochs: int = 0,
        replace: bool = False,
        hear: Callable[[Epoch], None] = lambda epoch: None,
    ) -> Kept:
        """Fit one to scored pairs: the sentence encoder in the folder `encoder`, or the fetched one
        of that name; without a word the one that all know where it was fetched, else one made of
        `model`, as "none" asks for.

        Raises UsageError where the pairs or the encoder cannot be used or the name is taken,
        EngineError where the child fails, LibraryError where it cannot be written.
        """
        folder = self._folder(name)
        there = foreign.there(pairs, "Name a file that `talecraft corpus pairs` wrote.")
        encoder = encoders.find(self._home, encoder)
        if (folder / NUMBERS).exists():
            foreign.free(folder / NUMBERS, replace)
        model_ref = self._model_ref(model)
        for missing in (self._home.styles, folder):
            private_folder(missing)
        try:
            with private_new(folder / NUMBERS) as place:
                order = StyleOrder(str(there), str(place), model_ref, encoder, epochs, SEED)
                tuned = style.fit(order, hear)
            private_write(folder / FACTS, msgspec.json.format(msgspec.json.encode(tuned)))
        finally:
            if not any(folder.iterdir()):
                folder.rmdir()
        return Kept(name, folder / NUMBERS, tuned)

    def all(self) -> list[Kept]:
        """All there are, by name."""
        folder = self._home.styles
        names = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
        files = [(name, folder / name / NUMBERS) for name in names]
        return [Kept(name, file, _tuned(file)) for name, file in files if file.exists()]

    def find(self, name: str) -> Kept:
        """Raises UsageError where there is none of this name."""
        file = self._folder(name) / NUMBERS
        if not file.is_file():
            raise named.unknown(name, "style", (one.name for one in self.all()))
        return Kept(name, file, _tuned(file))

    def usable(self, name: str, model: ModelRef) -> Kept:
        """Raises UsageError where there is none of this name, it is broken, or it reads with
        another model than this."""
        kept = self.find(name)
        again = "Fit it again with `talecraft style fit`."
        if kept.tuned is None:
            raise UsageError(f"The style '{name}' is broken.", again)
        if kept.tuned.model not in ("", model.key):
            raise UsageError(
                f"The style '{name}' was fitted for {kept.tuned.model}, and this is {model.key}.",
                again,
            )
        return kept

    def delete(self, name: str) -> Kept:
        """Raises UsageError where there is none of this name."""
        kept = self.find(name)
        shutil.rmtree(kept.path.parent)
        return kept

    def _folder(self, name: str) -> Path:
        return self._home.styles / named.checked(name, "style")


def _tuned(path: Path) -> Tuned | None:
    facts = tensors.metadata(path).get(style.FACTS, "")
    try:
        return msgspec.json.decode(facts, type=Tuned)
    except (msgspec.MsgspecError, ValueError):
        return None
