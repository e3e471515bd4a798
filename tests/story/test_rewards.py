"""Rewards by name, as they are typed."""

import pytest

from talecraft.errors import UsageError
from talecraft.story import rewards


def test_names_weigh_one_and_others_what_they_say() -> None:
    found = rewards.parse(" semantic, length=0.3 ,form = 2")
    assert found == {"semantic": 1.0, "length": 0.3, "form": 2.0}
    assert rewards.told(found) == "keeps the plan 1, length 0.3, prose 2"
    assert rewards.words("of another version") == "of another version"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pace", "There is no reward 'pace'"),
        ("", "No reward is named"),
        (" , ", "No reward is named"),
        ("form,form=2", "named twice"),
        ("form=0", "weight of 'form' is '0'"),
        ("form=-1", "weight of 'form' is '-1'"),
        ("form=much", "weight of 'form' is 'much'"),
        ("form=nan", "weight of 'form' is 'nan'"),
        ("form=11", "weight of 'form' is '11'"),
    ],
)
def test_what_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        rewards.parse(text)
