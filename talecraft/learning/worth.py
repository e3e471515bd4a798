"""The reward of a run, its scales frozen on what the root writes before anything is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.learning import classifier, features, manner, taste
from talecraft.learning.critic import outline_of
from talecraft.learning.encoders import BaseEncoder, Encoder, SentenceEncoder
from talecraft.learning.features import Tasting
from talecraft.learning.lessons import Learned, Lessons
from talecraft.learning.policy import Policy
from talecraft.learning.rewards import registry
from talecraft.learning.rewards.part import Ground
from talecraft.learning.rewards.total import Outlines, Reward
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_client import CLASSIFIER, IDF
from talecraft.process.run_events import RunSettings
from talecraft.story.feedback import LIKED
from talecraft.story.idf import Idf
from talecraft.story.rewards import SEMANTIC, TASTE


def reward(
    policy: Policy,
    pad: int,
    weights: Mapping[str, float],
    reference: Sequence[Rollout],
    ground: Ground,
    known: Lessons | None = None,
    learned: Learned | None = None,
    outlines: Lessons | None = None,
    tasting: Tasting | None = None,
) -> Reward:
    """The parts that have `weights`, on this `ground`; the taste by what was `learned` of what is
    `known`, or by a `tasting` that takes its place, that in `outlines` beside it."""
    parts = registry.build(weights, ground)
    if known is None or learned is None or TASTE not in weights:
        return Reward(None, parts, weights, reference)
    read = features.passages(reference)
    with policy.reference():
        judged = _outlines(policy, pad, reference, outlines)
        if tasting is None:
            found = features.extract(policy.model, read, pad, known.scored.vocabulary)
            return Reward(learned.ensemble, parts, weights, reference, found, judged)
    found = features.whole(tasting, read)
    return Reward(tasting.taste, parts, weights, reference, found, judged)


def ground(
    policy: Policy,
    codec: Codec,
    reference: Sequence[Rollout],
    human: Sequence[str],
    folder: Path,
    pad: int,
    order: RunSettings,
    known: Lessons | None = None,
    learned: Learned | None = None,
) -> Ground:
    """What the parts stand on: what is in the run's `folder` beside its `order`. Raises EngineError
    where that is broken, or there is no such encoder."""
    base = policy.model.get_base_model()
    found: Encoder = (
        SentenceEncoder(Path(order.encoder), str(policy.model.device))
        if order.encoder and SEMANTIC in order.ppo.rewards  # nothing else asks it
        else BaseEncoder(base, codec)
    )
    classify = _classifier(policy, codec, pad, folder, order)
    near = manner.of_run(policy, codec, pad, folder, order)
    liked = [one.prose for one in known.passages if one.stars >= LIKED] if known else []
    return Ground(
        reference,
        human,
        _idf(folder),
        found,
        learned.wants_length if learned else 0,
        liked,
        classify,
        near.worth if near is not None else None,
    )


def _classifier(
    policy: Policy, codec: Codec, pad: int, folder: Path, order: RunSettings
) -> Callable[[Sequence[str]], Tensor] | None:
    """What the run's classifier says of texts; None where it was given none. Raises EngineError for
    one that was fitted to another model, or to one that began elsewhere."""
    if not (folder / CLASSIFIER).exists():
        return None
    found = classifier.Classifier.load(folder / CLASSIFIER)
    root = order.root.id if order.root is not None else ""
    if (found.fitted.model, found.fitted.root) != (order.model.key, root):
        raise EngineError(
            "The classifier was fitted for another model, or before it learned its pattern.",
            "Fit it again with `talecraft classifier fit`.",
        )
    read = classifier.reader(policy.model, codec, pad)

    def classify(texts: Sequence[str]) -> Tensor:
        with policy.reference():
            return found.logits(read(texts, found.vocabulary))

    return classify


def _idf(folder: Path) -> Idf:
    """The table that the run was given; where it was given none, no word tells more than any."""
    try:
        return msgspec.json.decode((folder / IDF).read_bytes(), type=Idf)
    except FileNotFoundError:
        return Idf(1, {})
    except msgspec.MsgspecError as error:
        raise EngineError(
            f"{IDF} of this run is no table of words ({error}).", "Start the run again."
        ) from error


def _outlines(
    policy: Policy, pad: int, reference: Sequence[Rollout], known: Lessons | None
) -> Outlines | None:
    """What the outlines are worth, where the writer judged them apart and surely enough."""
    if known is None or not known.passed:
        return None
    found: Tensor = features.extract(
        policy.model, [outline_of(one) for one in reference], pad, known.scored.vocabulary
    )
    return Outlines(taste.fit(known.scored, known.trust.ridge, known.words), found)
