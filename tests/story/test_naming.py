"""Who a story speaks of, and what it says of them."""

from __future__ import annotations

from talecraft.story.naming import names, told_of

STORY = (
    "There was a miller called Old Bram. Every day the girl Maren came by. “Good day, Bram,” said"
    " Maren. The sea was grey. But Maren did not look at the Sea. He told Maren of Old Bram and of"
    " Old Bram again. Then the horn called."
)


def test_names_are_capital_words_within_sentences_often_spoken():
    assert names(STORY) == ["Maren", "Old Bram"]
    assert names(STORY.replace("grey", "grey to maren")) == ["Old Bram"], "it is a word, too"
    assert names("Then I. So I. And then I went, as I said, for I was late.") == []
    assert names("") == []
    told = (
        "He saw Zoë McDonald, and Zoë McDonald’s hat. Zoë McDonald fell. “Zoë McDonald!” he said."
    )
    assert names(f"{told} It was Zoë McDonald.") == ["Zoë McDonald"]


def test_what_is_told_says_most_of_it_and_each_once():
    told = told_of("Maren", STORY)
    assert told.startswith("Every day the girl Maren came by.")
    assert len(told.split(".")) <= 6
    assert told_of("Bram", "Bram ran. Bram ran. He saw Bram.").count("Bram ran.") == 1
    spoken = '"Pip," said Amos, "is it you?" Pip was a thin boy. Amos ran.'
    assert told_of("Pip", spoken) == '"Pip," said Amos, "is it you?" Pip was a thin boy.'
    assert told_of("Nobody", STORY) == told_of("", STORY) == ""
    long = (
        "X was tall. " + "Far away, " * 30 + "there went X. X was a king. X saw. X fell. X ran off."
    )
    assert "Far away" not in told_of("X", long)
