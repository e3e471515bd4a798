"""Every kind of opinion becomes what LEARNING 1.3 says it is worth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from talecraft.process.evidence import Episode, Evidence, Preference
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.evidence import consistency, gather


@pytest.fixture
def versions(studio: Studio, write: Callable[[str], Turn]) -> list[Turn]:
    """Four versions of one passage."""
    first = write("A fox.")
    return [
        first,
        *(
            studio.library.stories.add_turn(
                first.story_id, None, "model", text, "- p", first.generation
            )
            for text in ("The fox slept all day.", "The fox ran.", "No fox came.")
        ),
    ]


def found(studio: Studio) -> Evidence:
    return gather(studio.library, studio.model.key).evidence


def say(studio: Studio, turn: Turn, kind: str, value: float = 1, **more: object) -> None:
    studio.library.feedback.append([Feedback(0, turn.id, kind, value, **more)])  # type: ignore[arg-type]


def between(evidence: Evidence) -> list[tuple[int, int, float, str]]:
    ids = [one.turn_id for one in evidence.passages]
    return [(ids[p.better], ids[p.worse], p.weight, p.kind) for p in evidence.preferences]


def test_a_choice_is_above_each_it_was_chosen_against(studio: Studio, versions: list[Turn]) -> None:
    a, b, c, d = versions
    say(studio, b, "choice", others=(a.id, d.id))
    evidence = found(studio)
    assert [one.turn_id for one in evidence.passages] == [a.id, b.id, d.id], "c was not asked about"
    assert all(one.stars == 0 for one in evidence.passages)
    assert between(evidence) == [(b.id, a.id, 1.0, "choice"), (b.id, d.id, 1.0, "choice")]
    assert evidence.opinions == 2
    del c


def test_the_latest_of_two_choices_between_the_same_counts(
    studio: Studio, versions: list[Turn]
) -> None:
    a, b, *_ = versions
    say(studio, a, "choice", others=(b.id,))
    say(studio, b, "choice", others=(a.id,))
    assert between(found(studio)) == [(b.id, a.id, 1.0, "choice")]
    say(studio, a, "choice", 0, others=(b.id,))
    (preference,) = found(studio).preferences
    assert preference.tie


def test_an_edit_is_above_what_it_changed_by_how_much_it_changed(
    studio: Studio, versions: list[Turn]
) -> None:
    _, b, *_ = versions
    say(studio, b, "edit", text="The fox slept all night.")  # one word of five: .2 / .3
    evidence = found(studio)
    was, edited = evidence.passages
    made = b.generation
    assert made is not None
    assert (was.edited, edited.edited) == (False, True)
    assert (edited.prose, edited.stars) == ("The fox slept all night.", 0)
    assert edited.response_ids == made.response_ids[: made.prose_start], "the outline is kept"
    assert evidence.preferences == [Preference(1, 0, pytest.approx(2 / 3), "edit")]
    say(studio, b, "edit", text=b.prose)
    assert found(studio).preferences == [], "changed back: nothing is said"


def test_a_discard_is_below_what_was_kept_and_weighs_one(
    studio: Studio, versions: list[Turn]
) -> None:
    a, b, c, d = versions
    say(studio, d, "discard")
    say(studio, c, "discard")
    assert between(found(studio)) == [
        (a.id, d.id, 0.5, "discard"), (b.id, d.id, 0.5, "discard"),
        (a.id, c.id, 0.5, "discard"), (b.id, c.id, 0.5, "discard"),
    ]  # fmt: skip
    say(studio, c, "discard", None)  # type: ignore[arg-type]
    assert len(between(found(studio))) == 3


def test_an_outline_is_judged_apart(studio: Studio, versions: list[Turn]) -> None:
    a, b, *_ = versions
    say(studio, a, "stars", 5, aspect="outline")
    say(studio, a, "thumb", -1, aspect="prose")
    say(studio, b, "stars", 2)
    say(studio, a, "choice", others=(b.id,), aspect="outline")
    evidence = found(studio)
    grades = [(p.stars, p.weight, p.outline_stars) for p in evidence.passages]
    assert grades == [(1, 0.7, 5), (2, 1.0, 0)]
    assert [p.outline for p in evidence.preferences] == [True]


def test_what_was_said_of_another_models_passages_is_left_out(
    studio: Studio, versions: list[Turn]
) -> None:
    say(studio, versions[0], "choice", others=(versions[1].id,))
    gathered = gather(studio.library, "another@1")
    assert gathered.evidence.passages == []
    assert gathered.left_out == 2


def test_the_writers_own_prose_goes_along(studio: Studio, versions: list[Turn]) -> None:
    story = versions[0].story_id
    studio.writing.say(story, "Too short.")
    studio.writing.say(story, "But this one is long enough to be read as prose.")
    assert found(studio).own == ["But this one is long enough to be read as prose."]


def passage(stars: int, prose: str = "p") -> Episode:
    return Episode(0, 0, [], [], 0, 0, prose, stars, 1.0)


def test_inconsistency_by_hand() -> None:
    """Two graded pairs, one of them the wrong way round; a tie; one text with two opinions."""
    grades = [passage(2, "a"), passage(4, "b"), passage(5, "c"), passage(1, "d"), passage(4, "d")]
    said = [
        Preference(0, 1, 1, "choice"), Preference(2, 1, 1, "choice"),
        Preference(0, 2, 1, "choice", tie=True),
    ]  # fmt: skip
    assert consistency(Evidence(grades, said)) == (3, 2)


def test_a_discard_is_one_opinion_beside_however_much_was_kept(
    studio: Studio, versions: list[Turn]
) -> None:
    say(studio, versions[3], "discard")
    evidence = found(studio)
    assert len(evidence.preferences) == 3
    assert evidence.opinions == 1
    assert studio.training.plan(studio.model).discards == 1
    say(studio, versions[0], "choice", others=(versions[1].id,), aspect="outline")
    assert found(studio).opinions == 1, "of outlines the prose's head does not hear"


def test_words_scored_by_themselves_count_half_where_the_passage_has_no_grade(
    studio: Studio, write: Callable[[str], Turn]
) -> None:
    turn = write("A fox.")
    studio.writing.rate_span(turn.id, "stars", 5, "the [red]fox[/red]\x1b[2J")
    studio.writing.rate_span(turn.id, "stars", 2, "a boat")
    (passage,) = gather(studio.library, studio.model.key).evidence.passages
    assert (passage.stars, passage.weight) == (4, 0.5)
    assert (passage.outline_stars, passage.outline_weight) == (0, 0.0)
    studio.writing.rate(turn.id, "thumb", 1)
    (passage,) = gather(studio.library, studio.model.key).evidence.passages
    assert (passage.stars, passage.weight) == (5, 0.7)
    assert [one.note for one in studio.writing.opinions(turn.id)] == [
        "the [red]fox[/red]", "a boat", "",
    ]  # fmt: skip
    assert studio.writing.withdraw(turn.id, spans=True)
    assert studio.writing.opinions(turn.id) == []
