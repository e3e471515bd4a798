"""Whole clauses, and what they are in the present tense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.corpus import clauses
from talecraft.corpus.present import present
from talecraft.story.words import words


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("One day, Lily found a red ball in the park.", ["Lily found a red ball in the park"]),
        ("He took the stick and ran home.", ["He took the stick and ran home"]),
        (
            "Sara had a doll and Oliver had a car.",
            ["Sara had a doll", "Oliver had a car"],
        ),
        ("Sara and Oliver were playing here.", ["Sara and Oliver were playing here"]),
        (
            "Without hesitation, Hattie followed the winds as they carried her away.",
            ["Hattie followed the winds"],
        ),
        # adjectives before a comma, questions, openings of no subject: nothing whole in them
        ("It was a soft, gentle breeze.", []),
        ("Why did the fox run away?", []),
        ("Because the fox was tired, slept.", []),
        ("Often she was very sad.", []),
        ("A village where he had lived for years.", []),
        ("She looked into the.", []),
    ],
)
def test_clauses_are_whole_or_not_taken(sentence: str, expected: list[str]) -> None:
    assert clauses.clauses(sentence) == expected


def test_what_is_spoken_is_never_a_clause() -> None:
    text = '"The fox stole my hen," said the old farmer. The farmer ran into the yard.'
    told = [c for s in clauses.sentences(clauses.told(text)) for c in clauses.clauses(s)]
    assert told == ["The farmer ran into the yard"]
    british = "'The fox stole my hen,' she said. The farmer's wife ran into the yard."
    told = [c for s in clauses.sentences(clauses.told(british)) for c in clauses.clauses(s)]
    assert told == ["The farmer's wife ran into the yard"]


@pytest.mark.parametrize(
    ("past", "now"),
    [
        ("Lily found a box", "Lily finds a box"),
        ("They found a box and opened it", "They find a box and open it"),
        ("The tired fox hoped for rain", "The tired fox hopes for rain"),
        ("Lily and Ben were playing outside", "Lily and Ben are playing outside"),
        ("I was on a long hike", "I am on a long hike"),
        ("She could not see the moon", "She can not see the moon"),
        ("He folded it and put it away", "He folds it and puts it away"),
        ("The wolves ran into the wood", "The wolves run into the wood"),
        ("The thief was seized and led away", "The thief is seized and led away"),
        ("He learned much and never lied again", "He learns much and never lies again"),
        ("A boy named Tim lost his hat", "A boy named Tim loses his hat"),
        ("The winds gently guided her home", "The winds gently guide her home"),
    ],
)
def test_present(past: str, now: str) -> None:
    assert present(past) == now


@given(st.text(max_size=400))
def test_any_text_has_clauses_of_its_own_words(text: str) -> None:
    for sentence in clauses.sentences(clauses.told(text)):
        for clause in clauses.clauses(sentence):
            assert clause in sentence
            assert 4 <= len(words(clause)) <= 14
            assert len(words(present(clause))) >= len(words(clause))
