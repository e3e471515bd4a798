"""The demo's own loop, with the tiny engine and the tiny run in place of the slow ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.paths import Home
from talecraft.process.run_events import RunEvent
from talecraft.studio import demo
from talecraft.studio.demo import DemoSettings
from tests.support import tiny

SETTINGS = DemoSettings(stories=3, turns=8)


@pytest.fixture
def throw_away(tmp_path: Path) -> Home:
    base = tmp_path / "demo"
    return Home(base / "data", base / "config", base / "cache", base / "logs")


def test_the_whole_loop(throw_away: Home, own_home: Path) -> None:
    said: list[str | RunEvent] = []
    result = demo.run(throw_away, SETTINGS, said.append, tiny.ENGINE)
    assert result.passed
    assert (result.scores, result.run.state) == (24, "adopted")
    assert result.turns_by_adapter == len(result.samples) == demo.SAMPLES
    assert not own_home.exists()  # the user's own home is not touched
    library = Library(throw_away.library)
    try:
        adapter = library.adapters.active("llama-ember")
        assert adapter is not None
        assert library.stories.generated_by(adapter.id) == demo.SAMPLES
        scored = {line.turn_id for line in library.feedback.all()}
        assert len(scored) == 24
        for story in library.stories.list():
            before, *after = library.stories.tree(story.id).path(None) or library.stories.tree(
                story.id
            )
            if before.id in scored:
                continue
            # The same prompt and the same seed, before and after, as siblings.
            (again,) = after
            assert before.generation is not None
            assert again.generation is not None
            assert before.generation.sampling == again.generation.sampling
            assert before.parent_id == again.parent_id
            assert (before.generation.adapter_id, again.generation.adapter_id) == (None, adapter.id)
    finally:
        library.close()
    assert any("taste for dialogue" in one for one in said if isinstance(one, str))


def test_nothing_adopted_is_not_passed(throw_away: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_RUN", "rejected")
    result = demo.run(throw_away, SETTINGS, lambda event: None, tiny.ENGINE)
    assert not result.passed
    assert (result.run.state, result.samples, result.turns_by_adapter) == ("rejected", [], 0)


def test_a_run_that_died_leaves_its_last_words(
    throw_away: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "died")
    said: list[str | RunEvent] = []
    result = demo.run(throw_away, SETTINGS, said.append, tiny.ENGINE)
    assert (result.passed, result.run.state, result.outcome) == (False, "interrupted", None)
    assert said[-1] == "The last words of a run."


def test_a_home_with_a_library_is_refused(throw_away: Home) -> None:
    Library(throw_away.library).close()
    with pytest.raises(UsageError, match="is there already"):
        demo.run(throw_away, SETTINGS, lambda event: None, tiny.ENGINE)


def test_an_unknown_taste_is_refused_before_anything_is_made(throw_away: Home) -> None:
    with pytest.raises(UsageError, match="no taste 'salt'"):
        demo.run(throw_away, DemoSettings(taste="salt"), lambda event: None, tiny.ENGINE)
    assert not throw_away.data.exists()
