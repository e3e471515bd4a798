"""Opinions from elsewhere: every shape, all or nothing, learned from as one's own."""

from __future__ import annotations

import json

import pytest

from talecraft.errors import UsageError
from talecraft.library.brought import Text
from talecraft.process.evidence import FROM_ELSEWHERE
from talecraft.story.context import PromptStyle
from talecraft.story.turns import Turn
from talecraft.studio import Studio, bringing
from talecraft.studio.evidence import gather
from talecraft.studio.sharing import shared

STYLE = PromptStyle()


def rows(*found: object) -> list[bytes]:
    return [json.dumps(one).encode() for one in found]


def bring(studio: Studio, *found: object) -> int:
    return bringing.bring_in(studio.library, rows(*found), "o.jsonl", STYLE).id


def test_three_shapes_become_passages_with_what_was_said(studio: Studio) -> None:
    plan = "<think>\n- It runs\n- It rests\n<story>\nThe fox ran.\n"
    bring(
        studio,
        {"prompt": "A fox", "chosen": plan, "rejected": "No.", "weight": 0.5},
        {"prompt": "A fox", "completion": "The fox sat.", "label": False},
        {"prompt": "An owl", "completion": "The owl \u001b[2Jslept.", "score": 4},
        {
            "prompt": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "A"},
            ],
            "completion": [{"role": "assistant", "content": "B."}],
            "score": 2.6,
        },
    )
    found = gather(studio.library, "any@1").evidence
    assert [one.prose for one in found.passages] == [
        "The fox ran.", "No.", "The fox sat.", "The owl slept.", "B.",
    ]  # fmt: skip
    assert found.passages[0].outline == "- It runs\n- It rests"
    assert [one.stars for one in found.passages] == [0, 0, 1, 4, 3]
    assert [one.weight for one in found.passages] == [0, 0, 0.7, 1, 1]
    assert [one.told for one in found.passages] == ["A fox"] * 3 + ["An owl", "A"]
    assert len({one.group for one in found.passages}) == 3, "a prompt is a group"
    assert all(one.group < 0 and one.edited for one in found.passages)
    assert all(one.turn_id == FROM_ELSEWHERE for one in found.passages)
    (preferred,) = found.preferences
    assert (preferred.better, preferred.worse, preferred.weight) == (0, 1, 0.5)
    assert found.opinions == 4
    assert not any(one.loved for one in found.passages), "none is of five stars"


def test_a_prompt_that_is_not_told_apart_is_the_users_message(studio: Studio) -> None:
    def said(answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "A fox"}, {"role": "assistant", "content": answer}]

    bring(studio, {"chosen": said("Good."), "rejected": said("Bad.")})
    found = gather(studio.library, "any@1").evidence
    assert [(one.told, one.prose) for one in found.passages] == [
        ("A fox", "Good."),
        ("A fox", "Bad."),
    ]


def test_what_was_exported_comes_back_as_the_same_opinions(
    studio: Studio, scored: list[Turn]
) -> None:
    key = studio.model_ref().key
    for shape in ("preference", "unpaired", "completion"):
        out = shared(studio.library, key, studio.model_ref().style, shape).rows
        if not out:
            continue
        before = gather(studio.library, key).evidence
        batch = bringing.bring_in(studio.library, rows(*out), shape, studio.model_ref().style)
        after = gather(studio.library, key).evidence
        come = [one for one in after.passages if one.turn_id == FROM_ELSEWHERE]
        if shape == "completion":
            told = [(one.prose, one.outline, one.stars, one.weight) for one in come]
            assert told == [
                (one.prose.strip(), one.outline.strip(), one.stars, one.weight)
                for one in before.passages
                if one.stars
            ]
        assert after.opinions == before.opinions + len(out)
        studio.library.brought.withdraw(batch.id)
        assert gather(studio.library, key).evidence == before


def test_what_is_withdrawn_counts_no_more_and_stays(studio: Studio) -> None:
    first = bring(studio, {"prompt": "A", "completion": "B.", "score": 5})
    second = bring(studio, {"prompt": "C", "completion": "D.", "score": 1})
    studio.library.brought.withdraw(first)
    studio.library.brought.withdraw(first)
    assert [one.text for one in studio.library.brought.standing()] == [Text("", "D.")]
    told = [(one.id, one.opinions, one.withdrawn) for one in studio.library.brought.batches()]
    assert told == [(second, 1, False), (first, 1, True)]
    with pytest.raises(Exception, match="append-only"):
        studio.library.database.execute("DELETE FROM brought")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "A", "chosen": "B."}, "it has no 'rejected'"),
        ({"prompt": "A", "chosen": "B.", "rejected": " "}, "'rejected' has no prose"),
        ({"prompt": "A", "completion": "B."}, "neither 'chosen' and 'rejected'"),
        ({"prompt": "A", "completion": "B.", "score": 6}, "'score' of 1 to 5"),
        ({"prompt": "A", "completion": "B.", "score": True}, "'score' of 1 to 5"),
        ({"prompt": 3, "completion": "B.", "score": 3}, "'prompt' is no text"),
        ({"prompt": "A", "completion": "B.", "score": 3, "weight": 0}, "'weight' is no number"),
        ({"prompt": "A", "completion": "x" * 200_001, "score": 3}, "longer than 200,000"),
        ([1], "no JSON object"),
    ],
)
def test_all_or_nothing(studio: Studio, row: object, words: str) -> None:
    good = {"prompt": "A", "completion": "B.", "score": 3}
    with pytest.raises(UsageError, match=r"o.jsonl:2: ") as told:
        bring(studio, good, row)
    assert words in str(told.value)
    assert studio.library.brought.batches() == []
    with pytest.raises(UsageError, match="There is nothing in"):
        bringing.bring_in(studio.library, [b"", b" "], "o.jsonl", STYLE)
    with pytest.raises(UsageError, match=r"o.jsonl:1: this is no line of JSON \("):
        bringing.bring_in(studio.library, [b"# A heading"], "o.jsonl", STYLE)
