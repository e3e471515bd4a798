"""The look at what was learned so far, in a child of its own."""

import msgspec
import pytest

from talecraft.config.assets import reference_file
from talecraft.errors import EngineError
from talecraft.learning.rollouts import sample
from talecraft.process import look
from talecraft.process.evidence import Episode, Evidence, Preference
from talecraft.process.run_events import PpoSettings, RunSettings
from talecraft.story.turns import Sampling
from tests.support.models import bundled_ref, codec, shared_base


@pytest.fixture(scope="module")
def found():
    """Twenty-four choices: of two real passages the longer one."""
    sampling = Sampling(outline_tokens=8, prose_tokens=40)
    prompt = codec().encode("<prompt>\nA fox learns to share\n")
    seeds = [(3, i) for i in range(48)]
    written = sample(shared_base(), codec(), [prompt] * 48, sampling, seeds, 0)
    passages = [
        Episode(i, i // 2, p.prompt_ids, p.response_ids, p.prose_start, p.prose_end, p.prose)
        for i, p in enumerate(written)
    ]
    chosen = []
    for i in range(0, 48, 2):
        longer = len(passages[i].prose.split()) >= len(passages[i + 1].prose.split())
        chosen.append(Preference(i + (not longer), i + longer, 1.0, "choice"))
    return Evidence(passages, chosen)


ORDER = RunSettings(
    "look", "ppo", bundled_ref(), None, 4, 8, "all-linear", 0, 0, str(reference_file()), Sampling(),
    PpoSettings(prompt_tokens=64),
)  # fmt: skip


def test_what_was_learned_is_told_and_kept(found, tmp_path, monkeypatch):
    learned = look.look(tmp_path, ORDER, found)
    assert (learned.opinions, learned.stories, learned.pairs) == (24, 24, 24)
    assert 0 <= learned.low <= learned.concordance <= learned.high <= 1
    assert learned.passed == (learned.refusal == "")
    assert "right" in learned.words
    monkeypatch.setattr(look, "COMMAND", ("false",))
    assert look.look(tmp_path, ORDER, found) == learned, "the same opinions are read once"
    with monkeypatch.context() as later:
        later.setattr(look, "__version__", "another")
        with pytest.raises(EngineError, match="could not be read"):
            look.look(tmp_path, ORDER, found)
    less = msgspec.structs.replace(found, preferences=found.preferences[:-1])
    with pytest.raises(EngineError, match="could not be read"):
        look.look(tmp_path, ORDER, less)
    assert sorted(file.name for file in (tmp_path / "look").iterdir()) == [
        "look.lock",
        "looked.json",
    ]
