"""What a run is asked for beside its model: the method, what is rewarded, and what is practised."""

from __future__ import annotations

import msgspec

from talecraft.story.methods import Method, TasteModel


class Recipe(msgspec.Struct, frozen=True):
    """What is None is as the settings have it. `rewards` are weights by name; `prompts` are
    practised on instead of the shipped ones, and some of them held back to judge by."""

    method: Method | None = None
    rewards: dict[str, float] | None = None
    prompts: tuple[str, ...] = ()
    classifier: str = "classifier"  # which, where it is among the rewards
    learning_rate: float | None = None
    kl_target: float | None = None
    taste_model: TasteModel | None = None
    trial: bool = False  # nothing that it makes is adopted
    style: str = "style"  # which one tells how near to the author, where that is rewarded
    author: str = ""  # ... to whom
    texts: tuple[str, ...] = ()  # ... by these chunks or books


AS_SET = Recipe()
