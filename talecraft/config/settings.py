"""config.toml: what a writer may set. Every field has a default; an unknown key is an error."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from talecraft.config import strict
from talecraft.config.models import ModelSpec
from talecraft.paths import Home
from talecraft.story.turns import Sampling


class WritingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model writes. `model` empty means the catalogue's default.

    `dry_multiplier` is how hard repetition is held down (engine/dry.py); left out, as models.toml
    says of the model.
    """

    model: str = ""
    temperature: Annotated[float, Meta(ge=0, le=5)] = 0.8
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.92
    min_p: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    repetition_penalty: Annotated[float, Meta(gt=0, le=3)] = 1.0
    dry_multiplier: Annotated[float, Meta(ge=0, le=20)] | None = None
    dry_base: Annotated[float, Meta(ge=1, le=4)] = 1.75
    dry_allowed_length: Annotated[int, Meta(ge=1, le=20)] = 2
    outline_tokens: Annotated[int, Meta(ge=8, le=1024)] = 64
    prose_tokens: Annotated[int, Meta(ge=8, le=8192)] = 200

    def of(self, model: ModelSpec) -> WritingSettings:
        """With the model's own numbers where the writer has set none."""
        if self.dry_multiplier is not None:
            return self
        return msgspec.structs.replace(self, dry_multiplier=model.dry_multiplier)

    def sampling(self, seed: int) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            dry_multiplier=self.dry_multiplier or 0.0,
            dry_base=self.dry_base,
            dry_allowed_length=self.dry_allowed_length,
            seed=seed,
            outline_tokens=self.outline_tokens,
            prose_tokens=self.prose_tokens,
        )


class PageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the page looks. `measure` is the longest line, in columns.

    A `plain` page says in words what others draw. `notify` lets the terminal tell of the end of a
    training run, and of a long passage where the writer is elsewhere.
    """

    theme: str = "lamplight"
    measure: Annotated[int, Meta(ge=20, le=200)] = 72
    show_outline: bool = True
    plain: bool = False
    notify: bool = True


class TrainingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run learns; what is left out is the model's or the program's own choice.

    `updates` and `batch` decide how long a run takes, `learning_rate` and `kl_target` (nats per
    passage) how far it may go, `gate_prompts` how surely it is judged. With `seed` two runs over
    the same log are the same.
    """

    updates: Annotated[int, Meta(ge=1, le=200)] | None = None
    batch: Annotated[int, Meta(ge=4, le=512)] | None = None
    learning_rate: Annotated[float, Meta(gt=0, le=1)] | None = None
    kl_target: Annotated[float, Meta(gt=0, le=100)] | None = None
    gate_prompts: Annotated[int, Meta(ge=8, le=60)] | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of config.toml.

    `keymap` binds keys (comma separated) to what they do, which `talecraft keys` names. A name may
    be written without quotes: its dot then makes it a table of TOML.
    """

    writing: WritingSettings = WritingSettings()
    page: PageSettings = PageSettings()
    training: TrainingSettings = TrainingSettings()
    keymap: dict[str, str | dict[str, str]] = {}

    @property
    def keys(self) -> dict[str, str]:
        """The keys that are wanted, by name."""
        found: dict[str, str] = {}
        for name, keys in self.keymap.items():
            if isinstance(keys, str):
                found[name] = keys
            else:
                found |= {f"{name}.{end}": one for end, one in keys.items()}
        return found


def load(home: Home) -> Settings:
    """The user's settings, or the defaults where there is no file. Raises ConfigError."""
    if not home.settings_file.exists():
        return Settings()
    return strict.read(home.settings_file, Settings)
