"""What the studio tells the app, one message class per event; posted from any thread."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message

from talecraft.errors import TalecraftError
from talecraft.library.runs import TrainingRun
from talecraft.process.engine_client import Stopped
from talecraft.process.messages import Delta, Loaded, Phase
from talecraft.process.run_events import TasteLearned
from talecraft.studio.events import (
    AlternativesFailed,
    AlternativesReady,
    GhostFailed,
    GhostReady,
    Notice,
    PairReady,
    PromptFailed,
    PromptRead,
    RoundFailed,
    SpanFailed,
    SpanReady,
    StudioEvent,
    TokensFailed,
    TokensRead,
    TurnFailed,
    TurnWritten,
)
from talecraft.studio.fetching import Progress, Pulled
from talecraft.studio.pattern import PatternPlan


class EnginePhase(Message):
    """What the engine is doing now; an older one in the queue is not worth showing."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, EnginePhase)


class EngineLoaded(Message):
    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        super().__init__()


class EngineStopped(Message):
    def __init__(self, stopped: Stopped) -> None:
        self.stopped = stopped
        super().__init__()


class TextArrived(Message):
    def __init__(self, delta: Delta) -> None:
        self.delta = delta
        super().__init__()


class PassageWritten(Message):
    def __init__(self, written: TurnWritten) -> None:
        self.written = written
        super().__init__()


class PassageFailed(Message):
    def __init__(self, failed: TurnFailed) -> None:
        self.failed = failed
        super().__init__()


class StudioNotice(Message):
    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        super().__init__()


class PairCame(Message):
    """The taste round has one pair more, or (`failed`) gets no more for now."""

    def __init__(self, failed: RoundFailed | None = None) -> None:
        self.failed = failed
        super().__init__()


class RunsSettled(Message):
    """These training runs have ended and their verdicts are in the library."""

    def __init__(self, runs: list[TrainingRun], error: str = "") -> None:
        self.runs = runs
        self.error = error
        super().__init__()


class TasteLooked(Message):
    """What is known of the writer's taste before a run; None where nothing can be."""

    def __init__(self, taste: TasteLearned | None, error: str = "") -> None:
        super().__init__()
        self.taste = taste
        self.error = error


class VersionsCame(Message):
    """Versions of one passage are there to choose between, or none came."""

    def __init__(self, event: AlternativesReady | AlternativesFailed) -> None:
        self.event = event
        super().__init__()


class TokensCame(Message):
    """The tokens of a passage, or why there are none."""

    def __init__(self, event: TokensRead | TokensFailed) -> None:
        self.event = event
        super().__init__()


class SpanCame(Message):
    """Texts for a span are there to choose from, or none came."""

    def __init__(self, event: SpanReady | SpanFailed) -> None:
        self.event = event
        super().__init__()


class GhostCame(Message):
    """How the text in the composer might go on, or that there is nothing."""

    def __init__(self, event: GhostReady | GhostFailed) -> None:
        self.event = event
        super().__init__()


class PromptCame(Message):
    """What the model is shown is known, or cannot be said."""

    def __init__(self, event: PromptRead | PromptFailed) -> None:
        self.event = event
        super().__init__()


class PatternPlanned(Message):
    """What there is to learn the pattern from, or why it could not be read."""

    def __init__(self, plan: PatternPlan | None, error: TalecraftError | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.error = error


class ReportWritten(Message):
    """A run's report lies there, or why there is none."""

    def __init__(self, page: Path | None, error: TalecraftError | None = None) -> None:
        super().__init__()
        self.page = page
        self.error = error


class FetchMoved(Message):
    """More of a model has come; an older figure in the queue is not worth showing."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FetchMoved)


class FetchEnded(Message):
    """A model is here, or (neither) the writer has stopped it, or why it is not."""

    def __init__(self, pulled: Pulled | None, error: TalecraftError | None = None) -> None:
        self.pulled = pulled
        self.error = error
        super().__init__()


def message_for(event: StudioEvent) -> Message:
    """The message that carries `event` to the app."""
    match event:
        case Phase():
            return EnginePhase(event)
        case Loaded():
            return EngineLoaded(event)
        case Stopped():
            return EngineStopped(event)
        case Delta():
            return TextArrived(event)
        case TurnWritten():
            return PassageWritten(event)
        case TurnFailed():
            return PassageFailed(event)
        case Notice():
            return StudioNotice(event)
        case AlternativesReady() | AlternativesFailed():
            return VersionsCame(event)
        case TokensRead() | TokensFailed():
            return TokensCame(event)
        case SpanReady() | SpanFailed():
            return SpanCame(event)
        case GhostReady() | GhostFailed():
            return GhostCame(event)
        case PromptRead() | PromptFailed():
            return PromptCame(event)
        case PairReady():
            return PairCame()
        case RoundFailed():
            return PairCame(event)
