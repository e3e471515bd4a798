"""What a run says, as it is shown."""

from __future__ import annotations

from talecraft.process.run_events import Sample


def test_a_sample_that_was_cut_off_says_so():
    assert Sample("p", "He ran. ", "He ran and").told == ("He ran.", "He ran and…")
    assert Sample("p", "“Run!”\n", "").told == ("“Run!”", "")
    assert Sample("p", "He ran,", "彼は走った。").told == ("He ran,…", "彼は走った。")
