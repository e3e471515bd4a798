"""Classifiers of feedback: fitted to a labelled file or to the writer's own stars, kept by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.paths import Home, private_folder, private_new
from talecraft.process import classifier, tensors
from talecraft.process.classifier import FitOrder, Fitted, Labelled
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.story.feedback import DISLIKED, LIKED
from talecraft.studio import foreign, named
from talecraft.studio.reading import standing_scores

DEFAULT = "classifier"
SEED = 0
_FACTS = "classifier"
_SUFFIX = ".safetensors"


class Kept(msgspec.Struct, frozen=True):
    """A classifier by its name; of one that is broken nothing is known."""

    name: str
    path: Path
    fitted: Fitted | None


class Classifiers:
    """`model_ref` says where a model is on disk, `root_ref` at which adapter its training
    begins."""

    def __init__(
        self,
        library: Library,
        home: Home,
        model_ref: Callable[[ModelSpec], ModelRef],
        root_ref: Callable[[ModelSpec], AdapterRef | None],
    ) -> None:
        self._library = library
        self._home = home
        self._model_ref = model_ref
        self._root_ref = root_ref

    def fit(
        self, model: ModelSpec, source: Path | None, name: str = DEFAULT, replace: bool = False
    ) -> Kept:
        """Fit one to the labelled table at `source`; without one, to the passages that the writer
        gave stars: four and five are good, one and two bad.

        Raises UsageError where there is too little, the table cannot be read or the name is taken,
        EngineError where the child fails, LibraryError where it cannot be written.
        """
        path = self._path(name)
        labelled = self._own() if source is None else []
        if source is None and not labelled:
            raise UsageError(
                "No passage has four stars or more, or two or fewer.",
                "Score some, or name a table of labelled passages.",
            )
        where = foreign.there(source, "Name a table of labelled passages.") if source else ""
        private_folder(self._folder)
        target = foreign.free(path, replace)
        with private_new(target) as place:
            order = FitOrder(
                self._model_ref(model), self._root_ref(model), str(place), SEED, labelled,
                str(where),
            )  # fmt: skip
            return Kept(target.stem, target, classifier.fit(order))

    def all(self) -> list[Kept]:
        """All there are, by name."""
        files = sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder.is_dir() else []
        return [Kept(one.stem, one, _fitted(one)) for one in files]

    def find(self, name: str) -> Kept:
        """Raises UsageError where there is none of this name."""
        path = self._path(name)
        if not path.is_file():
            raise named.unknown(name, "classifier", (one.name for one in self.all()))
        return Kept(path.stem, path, _fitted(path))

    def delete(self, name: str) -> Kept:
        """Raises UsageError where there is none of this name."""
        kept = self.find(name)
        kept.path.unlink()
        return kept

    @property
    def _folder(self) -> Path:
        return self._home.classifiers

    def _path(self, name: str) -> Path:
        return self._folder / f"{named.checked(name, 'classifier')}{_SUFFIX}"

    def _own(self) -> list[Labelled]:
        """What the writer graded clearly, whoever wrote it."""
        clear = {
            turn_id: score.stars >= LIKED
            for turn_id, score in standing_scores(self._library.feedback.all()).items()
            if score.stars >= LIKED or score.stars <= DISLIKED
        }
        return [
            Labelled(turn.prose, clear[turn.id], f"story {turn.story_id}")
            for turn in self._library.stories.turns(sorted(clear))
            if turn.prose
        ]


def _fitted(path: Path) -> Fitted | None:
    facts = tensors.metadata(path).get(_FACTS, "")
    try:
        return msgspec.convert(msgspec.json.decode(facts)["fitted"], Fitted)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return None
