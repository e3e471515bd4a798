"""What a training run is told (settings.json) and what it says (events.jsonl)."""

from __future__ import annotations

from typing import Literal

import msgspec

from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.story.methods import OFFLINE, Method, TasteModel
from talecraft.story.rewards import DEFAULT_WEIGHTS, TASTE
from talecraft.story.turns import Sampling

RunState = Literal[
    "running", "adopted", "rejected", "refused", "cancelled", "failed", "interrupted", "tried"
]


# LEARNING 1.3: with fewer opinions no taste head is trusted, whatever its cross-validation says.
FEWEST_OPINIONS = 20
# With so many a LoRA reward model may know more of a taste than a head on frozen features does.
MANY_OPINIONS = 1000
KL_HARD_STOP = 2.0  # times the target: there a run ends


class PpoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every hyperparameter of a run. Values and their evidence: ARCHITECTURE.md, "Learning".

    `oversample` times the `batch` is drawn for an update, and the batch of them learned from that
    spreads the reward most; without a critic (RLOO) `group` of them after each prompt. `kl_target`
    in nats per sequence; lengths in tokens; `rewards` are the weights of the reward's parts
    (story/rewards.py), against one standard deviation of each under the reference. `taste_model`
    says whether a reward model is tried beside the taste head; `auto`: from MANY_OPINIONS on.
    """

    updates: int = 12
    batch: int = 32
    oversample: int = 2
    group: int = 4
    minibatch: int = 8
    micro_batch: int = 8
    epochs: int = 2
    learning_rate: float = 3.5e-4
    value_learning_rate: float = 1e-2
    clip: float = 0.2
    value_clip: float = 0.2
    value_coefficient: float = 0.5
    gamma: float = 1.0
    lam: float = 0.95
    beta: float = 0.1
    kl_target: float = 6.0
    approx_kl_stop: float = 0.03
    max_grad_norm: float = 1.0
    adam_eps: float = 1e-5
    temperature: float = 1.0
    outline_tokens: int = 40
    prose_tokens: int = 160
    prompt_tokens: int = 128
    ensemble: int = 5
    pessimism: float = 0.5
    reference_samples: int = 64
    gate_prompts: int = 60
    gate_samples: int = 2
    rewards: dict[str, float] = msgspec.field(default_factory=DEFAULT_WEIGHTS.copy)
    taste_model: TasteModel = "auto"

    @property
    def drawn(self) -> int:
        """How many turns are sampled for one update."""
        return self.batch * self.oversample

    @property
    def by_taste(self) -> bool:
        """Whether the writer's taste is rewarded, or other parts alone."""
        return TASTE in self.rewards

    def tries_adapter(self, method: str, opinions: int) -> bool:
        """Whether a run by this method tries a reward model on so many opinions: where the taste
        is rewarded at all."""
        asked = self.taste_model == "adapter"
        by_itself = self.taste_model == "auto" and opinions >= MANY_OPINIONS
        return (asked or by_itself) and self.by_taste and method not in OFFLINE


class RewardModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of the LoRA reward model that may take the taste head's place.

    `epochs` times through the opinions, `batch` passages a step; `learning_rate` is in those of
    PPO's adapter. It is trained without each of `folds` parts of the stories, to be judged by them.
    Of two passages whose grades differ by d stars the better one is to be worth `margin` * d more
    (LEARNING 1.3); what was preferred after the same prompt counts `same_prompt` times as much.
    """

    rank: int = 8
    epochs: int = 1
    batch: int = 16
    learning_rate: float = 1.0
    max_grad_norm: float = 1.0
    folds: int = 4
    margin: float = 0.25
    same_prompt: int = 4


# Of fewer tales nothing could be held back that tells whether the pattern was learned.
FEWEST_TALES = 20
FEWEST_HELD = 4  # of them are held back; fewer prove nothing
TOO_ALIKE = (
    "Too many of the tales have passages or prompts in common: none could be held back to see"
    " whether it was learned. Nothing was changed."
)


class PatternSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every hyperparameter of learning the pattern (SFT). Lengths are in tokens.

    `one_shot` is the share of examples that stand before the prompt at the beginning of the run;
    it falls evenly to nothing when `one_shot_until` of the run is over. They come from a fixed set
    of `one_shots` short tales. What ends a plan's lines and closes it weighs `plan_weight` times as
    much as other tokens, what ends a turn `tag_weight` times: see pattern.py. `held_out` is the
    share of tales kept for the gate, which writes `gate_turns` passages. Of more than `most_tales`
    stories (0: of any number) so many are drawn.
    """

    epochs: int = 3
    batch: int = 8
    micro_batch: int = 4
    learning_rate: float = 1e-3
    warmup: float = 0.05
    max_grad_norm: float = 1.0
    max_tokens: int = 1024
    one_shot: float = 0.5
    one_shot_until: float = 0.6
    one_shots: int = 8
    plan_weight: float = 8.0
    tag_weight: float = 3.0
    held_out: float = 0.1
    gate_turns: int = 60
    most_tales: int = 5000


class OfflineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of DPO, KTO and SFT, which learn from what was said itself: times through
    it, examples a step (an even number), and how hard the root is held to (beta of DPO and KTO,
    Rafailov et al., arXiv 2305.18290). The learning rate is that of PPO's adapter."""

    epochs: int = 3
    batch: int = 16
    beta: float = 0.1


class GrpoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of GRPO (Shao et al., arXiv 2402.03300) and dr_grpo (Liu et al., arXiv
    2503.20783): turns after each prompt, how far a token's ratio may fall and rise (clip-higher),
    and the weight of the distance from the root (k3)."""

    generations: int = 16
    epsilon: float = 0.2
    epsilon_high: float = 0.28
    beta: float = 0.035


class StyleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the manner of `author` is rewarded: the cosine to the author's centroid less `contrast`
    times the mean cosine to those of others. `gate_turns` passages are written after plans of
    held-back chunks, and as many after the shipped prompts."""

    author: str = ""
    contrast: float = 0.5
    gate_turns: int = 60


class RunSettings(msgspec.Struct, frozen=True):
    """The whole order: model, opponent in the gate, LoRA shape, seed, hyperparameters.

    `root` is the pattern adapter that a PPO run starts at and is held to, None for the bare base.
    A run of `pattern` learns from `data`, a file or folder of tales; one of `style` from what lies
    in its folder, first as `pattern` says, then by reward as `grpo` and `ppo` say. `alone` where
    the machine has not the memory for run and engine at once. `encoder` is the folder of a sentence
    encoder; where it is empty the base's own embeddings compare words. `version` of Talecraft wrote
    it; '' where that was not said yet. What a `trial` makes is never adopted. `tracker` is told the
    figures, where it is not "none".
    """

    run_id: str
    method: Method | Literal["pattern", "style"]
    model: ModelRef
    parent: AdapterRef | None
    lora_rank: int
    lora_alpha: int
    lora_targets: str | list[str]
    seed: int
    watermark: int
    reference_file: str
    sampling: Sampling
    ppo: PpoSettings = PpoSettings()
    alone: bool = False
    root: AdapterRef | None = None
    data: str = ""
    pattern: PatternSettings = PatternSettings()
    trial: bool = False
    offline: OfflineSettings = OfflineSettings()
    grpo: GrpoSettings = GrpoSettings()
    encoder: str = ""
    version: str = ""
    tracker: str = "none"
    reward_model: RewardModelSettings = RewardModelSettings()
    style: StyleSettings = StyleSettings()


class RunPhase(msgspec.Struct, frozen=True, tag="phase"):
    """What the run is doing now, in words a writer understands. `progress` 0 to 1 of the phase."""

    words: str
    progress: float = 0.0


class TasteLearned(msgspec.Struct, frozen=True, tag="taste"):
    """How well the taste head orders passages it has not seen, by `opinions` (grades and
    preferences) of `stories`; `pairs` is in how many pairs of passages it was put to the test.
    Where it is not `passed`, `refusal` says what is missing.

    Told once more where a reward model was tried: `tried` says in words what came of it, `head` and
    `adapter` which shares of the same unseen pairs they order rightly, `gain_low` to `gain_high` is
    the 90 % interval of the difference. Where it is `kept` the figures before these are its own."""

    opinions: int
    stories: int
    pairs: int
    concordance: float
    low: float
    high: float
    passed: bool
    words: str
    refusal: str = ""
    tried: str = ""
    head: float | None = None
    adapter: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    kept: bool = False


class Step(msgspec.Struct, frozen=True, tag="step"):
    """One update. `reward` is the mean total in reference standard deviations, `kl` in nats."""

    step: int
    total: int
    reward: float
    parts: dict[str, float]
    kl: float
    kl_target: float
    beta: float
    entropy: float
    clip_fraction: float
    value_loss: float
    policy_loss: float
    length: float
    repetition: float
    seconds: float
    eta: float
    note: str = ""
    finished: float = 1.0


class Practised(msgspec.Struct, frozen=True):
    """A turn that was drawn for an update: the end of what it goes on from, what it is worth in
    `total` and by `parts`, in reference standard deviations, and its distance from the root in
    nats. Only what is `kept` was learned from."""

    prompt: str
    outline: str
    prose: str
    total: float
    parts: dict[str, float]
    kl: float
    kept: bool


class Drawn(msgspec.Struct, frozen=True, tag="drawn"):
    """All turns of the update `step`; told before its figures."""

    step: int
    turns: list[Practised]


class TalesRead(msgspec.Struct, frozen=True, tag="tales"):
    """What there is to learn the pattern from: `tales` of so many `turns` (passages), `held_out`
    of them kept for the gate; `left_out` have nothing that a plan could be made of, or stand there
    twice: the first of them are named. The others make so many `tokens` in so many `examples`
    (sequences) an epoch. `there`: how many stories the data has, where only some were drawn."""

    tales: int
    held_out: int
    turns: int
    tokens: int
    examples: int
    words: str
    left_out: int = 0
    left_out_first: list[str] = []
    there: int = 0


class PatternStep(msgspec.Struct, frozen=True, tag="pattern"):
    """One step of learning the pattern. `loss` and `held_out` in nats a token; the latter is what
    was last measured on tales that are not learned from. `rate` is the learning rate, `one_shot`
    the share of sequences that began with an example."""

    step: int
    total: int
    loss: float
    held_out: float
    rate: float
    one_shot: float
    seconds: float
    eta: float
    note: str = ""


SHOWN = "shown"  # the bar of a figure that is no condition


class Check(msgspec.Struct, frozen=True):
    """One condition of the gate: what was measured, the bar, whether it held."""

    name: str
    value: float
    bar: str
    passed: bool
    words: str
    low: float | None = None
    high: float | None = None


def _cut(text: str) -> str:
    amid = text[-1:].isalnum() or text.endswith((",", ";", ":"))
    return f"{text}…" if amid else text


class Sample(msgspec.Struct, frozen=True):
    """The same prompt and seed before and after."""

    prompt: str
    before: str
    after: str

    @property
    def told(self) -> tuple[str, str]:
        """Both as they are shown; what stops amid a sentence says so."""
        before, after = self.before.strip(), self.after.strip()
        return _cut(before), _cut(after)


class Phrase(msgspec.Struct, frozen=True):
    """How often a phrase stood in the gate's passages before and after, and of how many words;
    runs of older versions did not tell the words."""

    text: str
    before: int
    after: int
    words_before: int = 0
    words_after: int = 0

    @property
    def told(self) -> tuple[str, str]:
        """Times per 1,000 words before and after; times in all where the words are not known."""
        if not (self.words_before and self.words_after):
            return str(self.before), str(self.after)
        before, after = (
            f"{1000 * count / words:.1f}"
            for count, words in (
                (self.before, self.words_before),
                (self.after, self.words_after),
            )
        )
        return before, after

    @property
    def rose(self) -> bool:
        return self.after * (self.words_before or 1) > self.before * (self.words_after or 1)


class Estimate(msgspec.Struct, frozen=True):
    """A mean and its 90 % bootstrap interval."""

    value: float
    low: float
    high: float


class MannerStage(msgspec.Struct, frozen=True):
    """What one policy writes after plans of the author's held-back chunks. `cosine` to the centroid
    of these chunks, `others`: the mean cosine to other authors' centroids; `nearest`: which share
    of the passages is nearer to this author than to any other; `content`: the share of its plan's
    words that a passage takes up (`semantic`); `perplexity` of the held-back chunks."""

    name: Literal["before", "sft", "grpo"]
    cosine: Estimate
    others: Estimate
    nearest: float
    content: Estimate
    perplexity: float


class MannerLearned(msgspec.Struct, frozen=True, tag="manner"):
    """How near the author's manner it came: what wrote before, after SFT, and after GRPO. Of the
    `held` chunks themselves the cosine is `own` (each to the centroid of the others), and to other
    authors' `own_others`. `gains` are of the cosine, passage by passage: SFT over before, GRPO over
    SFT, GRPO over before."""

    author: str
    held: int
    turns: int
    own: float
    own_others: float
    stages: list[MannerStage]
    gains: list[Estimate]


class Example(msgspec.Struct, frozen=True, tag="example"):
    """What the writer asked to see: a passage by what writes now, and one after `step` updates."""

    step: int
    sample: Sample


WaitReason = Literal["pause", "writing"]


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """The run stands still: it was paused, or a turn is being written."""

    reason: WaitReason


class GoingOn(msgspec.Struct, frozen=True, tag="going_on"):
    """It works again, after `seconds` of waiting; they count in no other figure."""

    seconds: float


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    """How the run ended. `files` are the candidate's sha256 sums, empty where there is none. Of its
    `seconds` so many went into trying a reward model."""

    state: RunState
    words: str
    checks: list[Check] = []
    samples: list[Sample] = []
    phrases: list[Phrase] = []
    adapter_id: str = ""
    files: dict[str, str] = {}
    steps: int = 0
    seconds: float = 0.0
    trial_seconds: float = 0.0

    @property
    def reason(self) -> str:
        """The first thing that spoke against what was made; '' where nothing did."""
        return next((check.words for check in self.checks if not check.passed), "")


RunEvent = (
    RunPhase
    | TasteLearned
    | Step
    | Drawn
    | TalesRead
    | PatternStep
    | Example
    | MannerLearned
    | Waiting
    | GoingOn
    | Outcome
)

encode = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(RunEvent).decode
decode_settings = msgspec.json.Decoder(RunSettings).decode
