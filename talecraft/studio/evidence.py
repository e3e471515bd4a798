"""From the feedback log to what a run learns from: every kind of opinion that stands, once."""

from __future__ import annotations

import msgspec

from talecraft.library import Library
from talecraft.process.evidence import FROM_ELSEWHERE, Episode, Evidence, Preference
from talecraft.story import feedback
from talecraft.story.feedback import Score
from talecraft.story.turns import Turn

OWN_PASSAGES = 40  # of the writer's newest ones: enough to see whether the model still reads them
FEWEST_OWN_WORDS = 8


class Gathered(msgspec.Struct, frozen=True):
    """`left_out` counts turns with an opinion that this model's weights did not write."""

    evidence: Evidence
    left_out: int


def gather(library: Library, model_key: str) -> Gathered:
    """Everything that was said of this model's passages and still stands."""
    return _Gatherer(library, model_key).gathered()


class _Gatherer:
    def __init__(self, library: Library, model_key: str) -> None:
        self._library = library
        log = feedback.current(library.feedback.all())
        self._choices = feedback.choices(log)
        self._lines = feedback.by_turn(log)
        self._kept = {
            turn_id: self._kept_beside(turn_id)
            for turn_id in self._lines
            if self._has(turn_id, "discard")
        }
        chosen = {turn for one in self._choices for turn in (one.better, one.worse)}
        kept = {turn for turns in self._kept.values() for turn in turns}
        self._turns = {
            turn.id: turn
            for turn in library.stories.turns(sorted({*self._lines, *chosen, *kept}))
            if _wrote(model_key, turn)
        }
        self._left_out = len(({*self._lines} | chosen) - self._turns.keys())
        self._place: dict[int, int] = {}  # of each turn among the passages

    def gathered(self) -> Gathered:
        passages = [self._passage(turn) for turn in self._turns.values()]
        self._place = {turn_id: place for place, turn_id in enumerate(self._turns)}
        preferences = [*self._from_choices(), *self._from_discards()]
        for edited, preference in self._from_edits(len(passages)):
            passages.append(edited)
            preferences.append(preference)
        for texts, preferred in self._brought(len(passages)):
            passages += texts
            preferences += preferred
        # The writer's own newest passages that are long enough to be read as prose.
        own = list(self._library.stories.writers_prose(OWN_PASSAGES, FEWEST_OWN_WORDS))
        return Gathered(Evidence(passages, preferences, own), self._left_out)

    def _has(self, turn_id: int, kind: str) -> bool:
        return any(line.kind == kind for line in self._lines.get(turn_id, ()))

    def _passage(self, turn: Turn) -> Episode:
        lines = self._lines.get(turn.id, [])
        prose = feedback.score(lines) or Score(0, 0.0)
        outline = feedback.score(lines, outline=True) or Score(0, 0.0)
        made = turn.generation
        assert made is not None
        return Episode(
            turn.id,
            turn.story_id,
            made.prompt_ids,
            made.response_ids,
            made.prose_start,
            made.prose_end,
            turn.prose,
            prose.stars,
            prose.weight,
            turn.outline,
            outline.stars,
            outline.weight,
        )

    # ------------------------------------------------------------------ preferences
    def _from_choices(self) -> list[Preference]:
        """The chosen one above each it was chosen against."""
        return [
            Preference(
                self._place[one.better],
                self._place[one.worse],
                1.0,
                "choice",
                one.tie,
                one.outline,
            )
            for one in self._choices
            if one.better in self._place and one.worse in self._place
        ]

    def _from_discards(self) -> list[Preference]:
        """What was kept above what was thrown away; one discard weighs 1 in all."""
        found = []
        for turn_id, beside in self._kept.items():
            kept = [self._place[one] for one in beside if one in self._place]
            if turn_id in self._place:
                found += [
                    Preference(one, self._place[turn_id], 1 / len(kept), "discard") for one in kept
                ]
        return found

    def _kept_beside(self, turn_id: int) -> list[int]:
        return [
            sibling
            for sibling in self._library.stories.siblings(turn_id)
            if sibling != turn_id and not self._has(sibling, "discard")
        ]

    def _brought(self, place: int) -> list[tuple[list[Episode], list[Preference]]]:
        """What was said elsewhere, of texts that no model here wrote. Those of one prompt are not
        parted, as those of a story are not."""
        found = []
        groups: dict[str, int] = {}
        for one in self._library.brought.standing():
            group = -1 - groups.setdefault(one.prompt, len(groups))
            texts = [one.text] if one.other is None else [one.text, one.other]
            passages = [
                Episode(
                    FROM_ELSEWHERE, group, [], [], 0, 0, text.prose,
                    stars=one.stars, weight=one.weight if one.stars else 0.0,
                    outline=text.outline, edited=True, told=one.prompt,
                )
                for text in texts
            ]  # fmt: skip
            preferred = one.other is not None
            found.append(
                (
                    passages,
                    [Preference(place, place + 1, one.weight, "choice")] if preferred else [],
                )
            )
            place += len(passages)
        return found

    def _from_edits(self, place: int) -> list[tuple[Episode, Preference]]:
        """What the writer made of a passage above what it was: the more, the more was changed."""
        found = []
        for turn_id, turn in self._turns.items():
            edits = [line for line in self._lines.get(turn_id, ()) if line.kind == "edit"]
            if not edits or not (text := edits[-1].text.strip()):
                continue
            weight = feedback.edit_weight(turn.prose, text)
            if weight == 0:
                continue
            was = self._passage(turn)
            edited = msgspec.structs.replace(
                was,
                response_ids=was.response_ids[: was.prose_start],
                prose_end=was.prose_start,
                prose=text,
                stars=0,
                weight=0.0,
                outline_stars=0,
                outline_weight=0.0,
                edited=True,
            )
            preference = Preference(place, self._place[turn_id], weight, "edit")
            found.append((edited, preference))
            place += 1
        return found


def _wrote(model_key: str, turn: Turn) -> bool:
    made = turn.generation
    return made is not None and f"{made.model_id}@{made.revision}" == model_key and bool(turn.prose)


def consistency(found: Evidence) -> tuple[int, int]:
    """How many preferences there are between passages that have grades too, and in how many of
    them the grades say the opposite; passages of the same words with grades two stars or more
    apart are such pairs as well."""
    stars = [one.stars for one in found.passages]
    compared = against = 0
    for one in found.preferences:
        if not one.tie and not one.outline and stars[one.better] and stars[one.worse]:
            compared += 1
            against += stars[one.better] < stars[one.worse]
    alike: dict[str, list[int]] = {}
    for passage in found.passages:
        if passage.stars:
            alike.setdefault(passage.prose, []).append(passage.stars)
    for grades in alike.values():
        compared += len(grades) - 1
        against += max(grades) - min(grades) >= 2
    return compared, against
