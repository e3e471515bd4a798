"""config.toml: what a writer may set. Every field has a default; an unknown key is an error.

Each field's description is what the settings screen and `talecraft config` say of it.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from talecraft.config.models import ModelSpec
from talecraft.errors import ConfigError, UsageError
from talecraft.story import rewards
from talecraft.story.methods import Method, TasteModel
from talecraft.story.turns import Sampling

# What numbers of sampling may be; presets have the same.
Temperature = Annotated[float, Meta(ge=0, le=5)]
Share = Annotated[float, Meta(gt=0, le=1)]
MinP = Annotated[float, Meta(ge=0, lt=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
TopK = Annotated[int, Meta(ge=0, le=100_000)]
XtcThreshold = Annotated[float, Meta(gt=0, le=0.5)]
RepetitionPenalty = Annotated[float, Meta(gt=0, le=3)]
DryMultiplier = Annotated[float, Meta(ge=0, le=20)]
DryBase = Annotated[float, Meta(ge=1, le=4)]
DryAllowed = Annotated[int, Meta(ge=1, le=20)]
Phrase = Annotated[str, Meta(min_length=1, max_length=200)]
Phrases = Annotated[list[Phrase], Meta(max_length=500)]
Bias = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=50)], Annotated[float, Meta(ge=-100, le=100)]
    ],
    Meta(max_length=500),
]


class WritingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model writes."""

    model: Annotated[
        str, Meta(description="The model that writes; automatic: the catalogue's default.")
    ] = ""
    temperature: Annotated[
        Temperature, Meta(description="How freely words are chosen; 0: always the likeliest.")
    ] = 0.8
    top_p: Annotated[
        Share, Meta(description="Only the likeliest words, up to this share in all.")
    ] = 0.92
    min_p: Annotated[MinP, Meta(description="No word below this share of the likeliest one.")] = 0.0
    top_k: Annotated[TopK, Meta(description="Only so many of the likeliest words; 0: all.")] = 0
    typical_p: Annotated[
        Share, Meta(description="Below 1: words about as surprising as expected.")
    ] = 1.0
    xtc_probability: Annotated[
        Probability, Meta(description="How often the most obvious words are passed over.")
    ] = 0.0
    xtc_threshold: Annotated[
        XtcThreshold, Meta(description="From which probability on a word is obvious.")
    ] = 0.1
    repetition_penalty: Annotated[
        RepetitionPenalty, Meta(description="Above 1: words that stand there already come less.")
    ] = 1.0
    dry_multiplier: Annotated[
        DryMultiplier | None,
        Meta(description="How hard repetition is held down; automatic: as suits the model."),
    ] = None
    dry_base: Annotated[
        DryBase, Meta(description="How much harder with each word more that is repeated.")
    ] = 1.75
    dry_allowed_length: Annotated[
        DryAllowed, Meta(description="So many words in a row may be repeated freely.")
    ] = 2
    versions: Annotated[
        int, Meta(ge=2, le=4, description="Versions to choose between, the one there counted.")
    ] = 3
    plan_first: Annotated[
        bool, Meta(description="The plan comes alone; the prose waits for your nod.")
    ] = False
    outline_tokens: Annotated[
        int, Meta(ge=8, le=1024, description="The longest plan, in tokens.")
    ] = 64
    prose_tokens: Annotated[
        int,
        Meta(
            ge=8,
            le=8192,
            description="The longest passage, in tokens; 24 more may finish its sentence.",
        ),
    ] = 200

    banned: Annotated[
        Phrases, Meta(description="Phrases that the model may not write, whatever their case.")
    ] = []
    bias: Annotated[
        Bias, Meta(description="Words that come more or less: what each gains, in nats.")
    ] = {}

    recorded_steps: Annotated[
        bool, Meta(description="On a CUDA card: quicker, by replaying a recorded step.")
    ] = False
    lean_steps: Annotated[
        bool, Meta(description="On the processor: quicker, by fewer operations for a token.")
    ] = True

    @property
    def steps(self) -> tuple[bool, bool]:
        """How the engine is to do its steps."""
        return self.recorded_steps, self.lean_steps

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
            top_k=self.top_k,
            typical_p=self.typical_p,
            xtc_probability=self.xtc_probability,
            xtc_threshold=self.xtc_threshold,
            bias=self.bias,
            banned=self.banned,
        )


class PageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the page looks."""

    theme: Annotated[str, Meta(description="The colours: lamplight, paper, night and others.")] = (
        "lamplight"
    )
    measure: Annotated[
        int, Meta(ge=20, le=200, description="The longest line of text, in columns.")
    ] = 72
    show_outline: Annotated[
        bool, Meta(description="Whether plans are open when the program starts.")
    ] = True
    goal: Annotated[
        int, Meta(ge=0, le=100_000, description="Your own words a day to aim at; 0: no goal.")
    ] = 0
    ghost_after: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds of rest until a ghost shows how it may go on; 0: never.",
        ),
    ] = 0.0
    notify: Annotated[
        bool, Meta(description="The desktop tells of the end of a run, and of a long passage.")
    ] = True
    plain: Annotated[
        bool, Meta(description="All in words, for screen readers: nothing drawn, nothing moves.")
    ] = False


# What Accelerate can tell a run's figures to, by the names of their packages.
TrackerName = Literal["none", "tensorboard", "wandb", "trackio"]


class TrainingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run learns."""

    method: Annotated[
        Method,
        Meta(description="By a reward (ppo, rloo and the grpos), or by what you said."),
    ] = "ppo"
    rewards: Annotated[
        str, Meta(description="What is rewarded, with weights, as `taste=1, length=0.3`.")
    ] = ""
    encoder: Annotated[
        str, Meta(description="Compares words: a sentence encoder's folder or name, or none.")
    ] = ""
    taste_model: Annotated[
        TasteModel,
        Meta(description="A head, or a reward model tried too; auto: from 1,000 opinions."),
    ] = "auto"
    updates: Annotated[
        Annotated[int, Meta(ge=1, le=200)] | None,
        Meta(description="Steps of a run: more take longer and may go further."),
    ] = None
    batch: Annotated[
        Annotated[int, Meta(ge=4, le=512)] | None,
        Meta(description="Passages learned from in a step, of twice as many written."),
    ] = None
    learning_rate: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="How far one step goes; automatic: as suits the model."),
    ] = None
    kl_target: Annotated[
        Annotated[float, Meta(gt=0, le=100)] | None,
        Meta(description="How far it may move from how it wrote before (KL, in nats)."),
    ] = None
    gate_prompts: Annotated[
        Annotated[int, Meta(ge=8, le=200)] | None,
        Meta(description="Unseen prompts that a new adapter is judged on."),
    ] = None
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**31 - 1)] | None,
        Meta(description="With a seed, two runs on the same log are the same."),
    ] = None
    launcher: Annotated[
        str, Meta(description="What launches a run, as `accelerate launch ...`; empty: itself.")
    ] = ""
    tracker: Annotated[
        TrackerName, Meta(description="What keeps a run's figures, too, in the run's folder.")
    ] = "none"

    @property
    def launcher_words(self) -> list[str]:
        """The command, word by word. Raises ConfigError where a quotation mark is open."""
        return words_of("training.launcher", self.launcher)

    @property
    def weights(self) -> dict[str, float] | None:
        """The weights of the rewards; None where none is set. Raises ConfigError."""
        try:
            return rewards.parse(self.rewards) if self.rewards.strip() else None
        except UsageError as error:
            raise ConfigError(f"training.rewards: {error.message}", error.hint) from error


# What computes the model that writes; "auto" is whichever was quicker in a trial. torch learns.
EngineKind = Literal["auto", "torch", "llamacpp"]


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the model is that writes, and what computes it."""

    kind: Annotated[
        EngineKind, Meta(description="What computes it; auto: the quicker of what is installed.")
    ] = "auto"
    command: Annotated[
        str, Meta(description="What starts it, as `ssh box talecraft engine`; empty: here.")
    ] = ""

    @property
    def words(self) -> list[str]:
        """The command, word by word. Raises ConfigError where a quotation mark is open."""
        return words_of("engine.command", self.command)


def words_of(key: str, command: str) -> list[str]:
    """The command under this key, word by word. Raises ConfigError where a quotation mark is
    open."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"{key} cannot be read ({error}): {command}.", "Close its quotation marks."
        ) from error


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of config.toml.

    `keymap` binds keys (comma separated) to what they do, which `talecraft keys` names. A name may
    be written without quotes: its dot then makes it a table of TOML.
    """

    writing: WritingSettings = WritingSettings()
    page: PageSettings = PageSettings()
    training: TrainingSettings = TrainingSettings()
    engine: EngineSettings = EngineSettings()
    keymap: Annotated[
        dict[str, str | dict[str, str]],
        Meta(description="Other keys for what `talecraft keys` names; from the next start on."),
    ] = {}

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
