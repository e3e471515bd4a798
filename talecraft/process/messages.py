"""What parent and engine say to each other. One message a line, JSON, tagged with its type."""

from __future__ import annotations

from typing import Literal

import msgspec

from talecraft.story.context import Block, PromptStyle
from talecraft.story.outline import Part
from talecraft.story.turns import Generation, LeftOut, Sampling, Shown, Source

EnginePhase = Literal[
    "starting",
    "loading",
    "reading",
    "thinking",
    "writing",
    "drafting",
    "ready",
    "asleep",
    "stopped",
]


class ModelRef(msgspec.Struct, frozen=True):
    """What a child needs to load a model: a folder with config, tokenizer and safetensors."""

    id: str
    revision: str
    folder: str
    quantisation: str
    context_length: int
    style: PromptStyle
    recorded: bool = False  # on CUDA: a token's step is recorded once and replayed
    lean: bool = True  # on a CPU: a token's step is done in few operations, where that is possible
    kind: str = "torch"  # what computes it where it writes; see config.settings.EngineKind
    forms: str = ""  # the folder of models as llama.cpp reads them

    @property
    def key(self) -> str:
        return f"{self.id}@{self.revision}"

    @property
    def recorded_tokens(self) -> int | None:
        """How far recorded steps reach, where there are to be any."""
        return self.context_length if self.recorded else None

    @property
    def files(self) -> ModelRef:
        """The same whatever it is shown a story by, and however its steps are done."""
        return msgspec.structs.replace(
            self, style=PromptStyle(), context_length=0, recorded=False, lean=True, kind="torch",
            forms="",
        )  # fmt: skip


class AdapterRef(msgspec.Struct, frozen=True):
    """An adapter on disk and the sha256 of each of its files, checked before it is loaded."""

    id: str
    folder: str
    files: dict[str, str]
    model_key: str


# ------------------------------------------------------------------------ parent to engine
class Load(msgspec.Struct, frozen=True, tag="load"):
    """Make this model, with this adapter or none, the one that writes."""

    model: ModelRef
    adapter: AdapterRef | None = None


class Begun(msgspec.Struct, frozen=True):
    """How a turn begins, token by token: recorded `ids` of `model` (`id@revision`), exactly, the
    prose from `prose_start`; `then`, where given, is the token that was chosen to follow them."""

    model: str
    ids: list[int]
    prose_start: int
    then: int | None = None


class Generate(msgspec.Struct, frozen=True, tag="generate"):
    """Write one turn after `blocks`. `outline`, where given, is the plan to follow as it is; with
    `ending` the plan closes by asking for the story's end. `prose` is how the passage begins;
    with `plan_only` the turn is over when its plan is. `begun` stands for both, in tokens."""

    request: int
    blocks: list[Block]
    sampling: Sampling
    outline: str | None = None
    ending: bool = False
    prose: str = ""
    plan_only: bool = False
    begun: Begun | None = None


class Middle(msgspec.Struct, frozen=True):
    """A place in the midst of a passage. Each draft has this `outline`, or none, and goes on after
    `prose`; `following` is how the text goes on after the draft, as far as anyone knows. Where the
    draft may end in the middle of a sentence it is not `whole`, and keeps to its budget."""

    outline: str = ""
    prose: str = ""
    following: str = ""
    whole: bool = True


class Draft(msgspec.Struct, frozen=True, tag="draft"):
    """Write short turns after each of `prompts`, as many as it has `seeds`, to choose between.

    `model` is the `id@revision` the prompts are for. Whatever else is asked goes first; drafting
    then goes on where it was. With `adapters` (one for each seed of a prompt; None: the bare
    model) they are compared; afterwards the one that writes is back. In a `middle` the drafts are
    for that place, and have no plan of their own.
    """

    request: int
    model: str
    prompts: list[list[Block]]
    sampling: Sampling
    seeds: list[list[int]]
    adapters: list[AdapterRef | None] = []
    middle: Middle | None = None


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """Say how likely each token of a recorded response was, and which `top` others were likeliest.

    `model` is the `id@revision` whose ids they are. It is read with `adapter` (None: the bare
    model), or with `active` by what writes now; so too where the adapter is damaged.
    """

    request: int
    model: str
    prompt_ids: list[int]
    response_ids: list[int]
    adapter: AdapterRef | None = None
    active: bool = False
    top: int = 8


class Examine(msgspec.Struct, frozen=True, tag="examine"):
    """Say what a turn after `blocks` would be prompted with; without any, what a recorded turn was,
    whose `prompt_ids` are made up as `shown` says. `model` is the `id@revision` that is asked."""

    request: int
    model: str
    blocks: list[Block] = []
    sampling: Sampling = Sampling()
    outline: str = ""
    prompt_ids: list[int] = []
    shown: list[Shown] = []


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Which Talecraft is talking to one elsewhere, which may be another; and what it wants: an
    engine, or a run (process/far_messages.py)."""

    version: str
    wants: Literal["engine", "run"] = "engine"


class Parcel(msgspec.Struct, frozen=True, tag="parcel"):
    """A part of a file of an adapter, for an engine elsewhere: `data` stands at `offset`."""

    adapter: str
    name: str
    offset: int
    data: bytes


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Stop `request` between two tokens or two chunks of reading, and keep what came.

    Of drafts only whole ones are kept.
    """

    request: int


class Quit(msgspec.Struct, frozen=True, tag="quit"):
    """End the engine."""


Command = Load | Generate | Draft | Probe | Examine | Cancel | Quit | Hello | Parcel


# ------------------------------------------------------------------------ engine to parent
class Phase(msgspec.Struct, frozen=True, tag="phase"):
    """What the engine is doing now. `done` and `total` count tokens while reading."""

    phase: EnginePhase
    detail: str = ""
    done: int = 0
    total: int = 0


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """What is really in use: never what was wished for."""

    model_id: str
    revision: str
    quantisation: str
    device: str
    dtype: str
    context_length: int
    adapter_id: str | None
    steps: str = "eager"  # how tokens are written: by the model's own forward, or what is quicker


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """Some text of the plan or the prose, cleaned, in order."""

    request: int
    part: Part
    text: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The turn is over: its text, cleaned and stripped, and the exact record."""

    request: int
    outline: str
    prose: str
    generation: Generation


class Drafted(msgspec.Struct, frozen=True, tag="drafted"):
    """The turns of prompt number `index` are ready; they come in order. Where something is known
    to follow them, `fits` has its log-probability after each."""

    request: int
    index: int
    turns: list[Finished]
    fits: list[float] = []

    @property
    def ranked(self) -> list[Finished]:
        """The turns, what fits best first; in their order where nothing is known to follow."""
        fits = self.fits or [0.0] * len(self.turns)
        ranked = sorted(zip(fits, self.turns, strict=True), key=lambda one: -one[0])
        return [turn for _, turn in ranked]


class DraftsOver(msgspec.Struct, frozen=True, tag="drafts_over"):
    """All drafts of a request are written, or it was stopped."""

    request: int


class Candidate(msgspec.Struct, frozen=True):
    """A token that could stand somewhere: its text there, cleaned (a replacement mark for part of
    a character), and its log-probability at temperature 1 before any processor."""

    id: int
    text: str
    logprob: float


class TokenOdds(msgspec.Struct, frozen=True):
    """One token of a response: the `text` that it adds (none in the middle of a character), itself,
    how many stand before it in likelihood, and the likeliest, best first."""

    text: str
    taken: Candidate
    rank: int
    top: list[Candidate]


class Probed(msgspec.Struct, frozen=True, tag="probed"):
    """The tokens asked about, in order, none where it was stopped; and the adapter they were really
    read with."""

    request: int
    tokens: list[TokenOdds]
    adapter_id: str | None


class Stretch(msgspec.Struct, frozen=True):
    """A part of a prompt, in words and in ids: what it is from, see `story.turns.Shown`."""

    source: Source
    name: str
    text: str
    ids: list[int]


class Examined(msgspec.Struct, frozen=True, tag="examined"):
    """The prompt, in order, what was left out of it, and the `budget` in tokens that it had."""

    request: int
    stretches: list[Stretch]
    left_out: list[LeftOut]
    budget: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """What was asked could not be done. `request` is None for a load."""

    request: int | None
    message: str
    hint: str = ""
    adapter_refused: bool = False


Event = Phase | Loaded | Delta | Finished | Drafted | DraftsOver | Probed | Examined | Failed

encode = msgspec.json.Encoder().encode
decode_command = msgspec.json.Decoder(Command).decode
decode_event = msgspec.json.Decoder(Event).decode
