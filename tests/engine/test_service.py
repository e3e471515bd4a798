"""The real engine process, driven as the program drives it."""

import os
import queue
import signal
import time

import msgspec
import pytest
import torch

from talecraft.engine import loading
from talecraft.errors import AdapterError
from talecraft.learning.policy import Policy
from talecraft.process import adapter_files
from talecraft.process.engine_client import EngineClient, Stopped
from talecraft.process.messages import (
    AdapterRef,
    Begun,
    Delta,
    Draft,
    Drafted,
    DraftsOver,
    Examine,
    Examined,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Middle,
    Phase,
    Probe,
    Probed,
)
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from tests.support.models import bundled_base, bundled_ref, codec, shared_base
from tests.support.small_run import small_model

PREMISE = Block("<prompt>\nA shy fox learns to share\n")
DEADLINE = 60
SHORT = {"outline_tokens": 32, "prose_tokens": 40}


class Driver:
    """An engine client whose events can be waited for."""

    def __init__(self, logs):
        self.events = queue.Queue()
        self.client = EngineClient(self.events.put, logs)

    def until(self, *kinds):
        """All events up to the first of `kinds`, that one last."""
        seen = []
        deadline = time.monotonic() + DEADLINE
        while not seen or not isinstance(seen[-1], kinds):
            seen.append(self.events.get(timeout=max(0.1, deadline - time.monotonic())))
        return seen

    def write(self, request, blocks=(PREMISE,), **sampling):
        sampling = SHORT | sampling
        self.client.generate(Generate(request, list(blocks), Sampling(**sampling)))
        return self.until(Finished, Failed)

    def draft(self, request, prompts, seeds, adapters=(), **sampling):
        short = Sampling(**{"outline_tokens": 12, "prose_tokens": 16} | sampling)
        command = Draft(request, bundled_ref().key, prompts, short, seeds, list(adapters))
        self.client.generate(command)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    driver = Driver(tmp_path_factory.mktemp("engine"))
    driver.client.load(Load(bundled_ref()))
    driver.until(Loaded)
    yield driver
    driver.client.close()


def made_adapter(folder, seed=0, size=0.05):
    """A real adapter of the bundled model, its weights moved at random."""
    policy = Policy(bundled_base(), 8, 16, "all-linear")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.lora.values():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    files = policy.save(folder, bundled_ref().key)
    return AdapterRef(adapter_files.content_id(files), str(folder), files, bundled_ref().key)


def test_a_turn_streams_its_plan_and_then_its_prose(shared):
    events = shared.write(1, seed=4)
    done = events[-1]
    assert isinstance(done, Finished)
    deltas = [e for e in events if isinstance(e, Delta)]
    parts = [d.part for d in deltas]
    assert parts == sorted(parts, key=["think", "prose"].index)
    for part, whole in (("think", done.outline), ("prose", done.prose)):
        assert "".join(d.text for d in deltas if d.part == part).strip() == whole
        assert len([d for d in deltas if d.part == part]) > 1
    assert [e.phase for e in events if isinstance(e, Phase)][-2:] == ["thinking", "writing"]
    made = done.generation
    assert (made.model_id, made.adapter_id, made.sampling.seed) == ("llama-ember", None, 4)
    assert made.engine_mode == "eager-cpu-float32"


def test_the_same_seed_writes_the_same_also_with_a_warm_cache(shared):
    first = shared.write(2, seed=9)[-1].generation.response_ids
    assert shared.write(3, seed=9)[-1].generation.response_ids == first


def test_esc_stops_within_half_a_second_while_writing_and_while_reading(shared):
    long = Block("<story>\n" + "The small grey cat sat by the cold river and waited. " * 58 + "\n")
    for request, blocks in ((10, (PREMISE,)), (11, (PREMISE, long))):
        shared.client.generate(Generate(request, list(blocks), Sampling(seed=1, prose_tokens=190)))
        shared.until(Delta if request == 10 else Phase)
        asked = time.monotonic()
        shared.client.cancel(request)
        done = shared.until(Finished, Failed)[-1]
        # No timed bar in tests: only that it stopped rather than finished. Seconds: benchmarks.
        assert done.generation.stop_reason == "cancelled"
        assert time.monotonic() - asked < DEADLINE
    assert len(done.generation.prompt_ids) > 600


def test_a_story_longer_than_the_window_still_goes_on(shared):
    blocks = [PREMISE] + [Block(f"<story>\n{'The river ran on and on. ' * 30}\n")] * 20
    done = shared.write(20, blocks, seed=1)[-1]
    assert isinstance(done, Finished)
    assert len(done.generation.prompt_ids) + len(done.generation.response_ids) <= 1024


def test_adapters_are_switched_without_loading_the_base_again(shared, tmp_path):
    adapter = made_adapter(tmp_path / "one")
    bare = shared.write(30, seed=5)[-1].generation.response_ids
    shared.client.load(Load(bundled_ref(), adapter))
    events = shared.until(Loaded)
    assert events[-1].adapter_id == adapter.id
    assert bundled_ref().id not in [e.detail for e in events if isinstance(e, Phase)]
    adapted = shared.write(31, seed=5)[-1].generation
    assert adapted.adapter_id == adapter.id
    assert adapted.response_ids != bare
    shared.client.load(Load(bundled_ref()))
    assert shared.until(Loaded)[-1].adapter_id is None
    assert shared.write(32, seed=5)[-1].generation.response_ids == bare


@pytest.mark.parametrize(
    "harm", ["truncated", "bit", "tail", "nan", "shape", "base", "link", "pickle", "missing"]
)
def test_a_harmful_adapter_is_refused_and_the_bare_model_writes(shared, tmp_path, harm):
    adapter = made_adapter(tmp_path / "bad")
    weights = tmp_path / "bad" / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    canary = tmp_path / "canary"
    rehash = False
    if harm == "truncated":
        weights.write_bytes(data[:-100])
    elif harm == "bit":
        data[-1000] ^= 1
        weights.write_bytes(data)
    elif harm == "tail":
        data[-4096:] = bytes(4096)
        weights.write_bytes(data)
    elif harm in ("nan", "shape"):
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        name = sorted(tensors)[0]
        if harm == "nan":
            tensors[name][0, 0] = float("nan")
        else:
            tensors[name] = torch.zeros(3, 3)
        save_file(tensors, weights)
        rehash = True
    elif harm == "base":
        adapter = AdapterRef(adapter.id, adapter.folder, adapter.files, "other@1")
    elif harm == "link":
        weights.rename(tmp_path / "elsewhere")
        weights.symlink_to(tmp_path / "elsewhere")
    elif harm == "pickle":
        (weights.parent / "adapter_model.bin").write_bytes(
            b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
        )
    elif harm == "missing":
        weights.unlink()
    if rehash:
        files = adapter_files.checksums(weights.parent)
        adapter = AdapterRef(
            adapter_files.content_id(files), adapter.folder, files, adapter.model_key
        )
    shared.client.load(Load(bundled_ref(), adapter))
    events = shared.until(Failed)
    assert events[-1].adapter_refused
    assert events[-1].request is None
    loaded = [e for e in events if isinstance(e, Loaded)]
    assert loaded[-1].adapter_id is None, "what is really in use is said"
    assert not canary.exists()
    done = shared.write(40, seed=5)[-1]
    assert isinstance(done, Finished)
    assert done.generation.adapter_id is None


def test_attach_leaves_a_bare_model_bare_when_it_refuses(tmp_path):
    adapter = made_adapter(tmp_path / "bad")
    other = AdapterRef(adapter.id, adapter.folder, adapter.files, "someone-else@7")
    base = bundled_base()
    with pytest.raises(AdapterError, match="was made for someone-else@7"):
        loading.attach(base, other, bundled_ref())


def test_a_killed_engine_is_replaced_and_writes_on(tmp_path):
    driver = Driver(tmp_path)
    driver.client.load(Load(bundled_ref()))
    driver.until(Loaded)
    driver.client.generate(Generate(1, [PREMISE], Sampling(seed=1)))
    driver.until(Delta)
    os.kill(driver.client.pid, signal.SIGKILL)
    events = driver.until(Stopped)
    failed = [e for e in events if isinstance(e, Failed)]
    assert [f.request for f in failed] == [1]
    assert events[-1].restarting
    assert "SIGKILL" in events[-1].reason
    driver.until(Loaded)
    assert isinstance(driver.write(2, seed=1)[-1], Finished)
    driver.client.close()
    assert driver.client.pid is None


@pytest.mark.parametrize("what", ["folder", "tokenizer", "pickle"])
def test_a_model_that_cannot_be_loaded_is_one_clear_line(tmp_path, what):
    import shutil

    import msgspec

    folder = tmp_path / "model"
    if what != "folder":
        shutil.copytree(bundled_ref().folder, folder)
    if what == "tokenizer":
        (folder / "tokenizer.json").write_text("{")
    if what == "pickle":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    driver = Driver(tmp_path / "logs")
    driver.client.load(Load(msgspec.structs.replace(bundled_ref(), folder=str(folder))))
    failed = driver.until(Failed)[-1]
    assert "llama-ember" in failed.message
    assert "\n" not in failed.message
    assert failed.hint
    driver.client.close()


def test_switching_models_to_and_fro_leaves_no_memory_behind(tmp_path):
    """Ten times there and back: the engine holds 5 % more at most than after the first two."""
    other = small_model(tmp_path / "small")
    driver = Driver(tmp_path / "logs")
    held = []
    for turn in range(12):
        for ref in (other, bundled_ref()):
            driver.client.load(Load(ref))
            driver.until(Loaded)
            assert isinstance(driver.write(turn + 1, prose_tokens=8)[-1], Finished)
        held.append(resident(driver.client.pid))
    assert held[-1] <= 1.05 * max(held[:2])
    driver.client.close()


def resident(pid):
    """Bytes of a process in memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_another_form_of_the_same_model_loads_nothing_anew(shared):
    """As when it has learned the pattern, and needs no example any more."""
    shown = msgspec.structs.replace(bundled_ref().style, example="<prompt>\nA hen\n")
    shared.client.load(Load(msgspec.structs.replace(bundled_ref(), style=shown)))
    events = shared.until(Loaded)
    assert not any(isinstance(one, Phase) and one.phase == "loading" for one in events)
    made = shared.write(7100, seed=1, prose_tokens=8)[-1].generation.prompt_ids
    shared.client.load(Load(bundled_ref()))
    shared.until(Loaded)
    plain = shared.write(7101, seed=1, prose_tokens=8)[-1].generation.prompt_ids
    assert made == codec().encode(shown.example) + plain


# ---------------------------------------------------------------------------- drafts
PROMPTS = [[Block(f"<prompt>\nA {one} learns to share\n")] for one in ("fox", "bear", "hen")]
SEEDS = [[1, 2], [3, 4], [5, 6]]


def made(events):
    """The drafts among `events`: by prompt, their ids."""
    found = {e.index: [t.generation.response_ids for t in e.turns] for e in events if is_draft(e)}
    assert list(found) == sorted(found), "in order"
    return found


def is_draft(event):
    return isinstance(event, Drafted)


def test_drafts_come_in_order_with_the_whole_record(shared):
    shared.draft(50, PROMPTS, SEEDS, temperature=0.9)
    events = shared.until(DraftsOver, Failed)
    drafted = [e for e in events if is_draft(e)]
    assert [(e.request, e.index) for e in drafted] == [(50, 0), (50, 1), (50, 2)]
    assert "drafting" in [e.phase for e in events if isinstance(e, Phase)]
    for event, seeds in zip(drafted, SEEDS, strict=True):
        assert [t.generation.sampling.seed for t in event.turns] == seeds
        first, second = event.turns
        assert first.prose != second.prose
        assert first.generation.prompt_ids == second.generation.prompt_ids
        for turn in event.turns:
            record = turn.generation
            assert turn.prose
            assert record.engine_mode == "batch-cpu-float32"
            assert record.sampling.temperature == 0.9
            lengths = {
                len(column)
                for column in (
                    record.response_ids,
                    record.forced,
                    record.raw_logprobs,
                    record.sampled_logprobs,
                )
            }
            assert len(lengths) == 1
            assert record.seconds > 0
    shared.until(Phase)


def test_more_drafts_than_decode_together_are_the_same_as_each_alone(shared):
    prompts, seeds = PROMPTS * 3, [[i, 100 + i] for i in range(9)]
    shared.draft(51, prompts, seeds)
    together = made(shared.until(DraftsOver, Failed))
    assert len(together) == 9
    for index in (0, 4, 8):
        shared.draft(60 + index, prompts[index : index + 1], seeds[index : index + 1])
        assert made(shared.until(DraftsOver, Failed))[0] == together[index]


def test_a_turn_goes_before_the_drafts_and_they_go_on_afterwards(shared):
    shared.draft(70, PROMPTS * 4, SEEDS * 4)
    whole = made(shared.until(DraftsOver, Failed))
    shared.draft(71, PROMPTS * 4, SEEDS * 4)
    before = shared.until(Drafted)
    turn = shared.write(72, seed=9)
    assert isinstance(turn[-1], Finished), "it is over before the drafts are"
    after = shared.until(DraftsOver, Failed)
    assert made(before + turn + after) == whole
    assert len(made(after)) > 6
    alone = shared.write(73, seed=9)[-1].generation.response_ids
    assert turn[-1].generation.response_ids == alone


def test_drafts_that_are_cancelled_end_between_two_tokens(shared):
    shared.draft(80, PROMPTS * 20, SEEDS * 20)
    shared.until(Drafted)
    shared.client.cancel(80)
    events = shared.until(DraftsOver, Failed)
    assert isinstance(events[-1], DraftsOver)
    assert len(made(events)) < 30
    assert isinstance(shared.write(81, seed=1)[-1], Finished)


def test_what_is_half_drafted_when_the_adapter_changes_is_written_anew(shared, tmp_path):
    adapter = made_adapter(tmp_path / "one")
    shared.draft(90, PROMPTS * 8, SEEDS * 8)
    shared.until(Drafted)
    shared.client.load(Load(bundled_ref(), adapter))
    events = shared.until(DraftsOver, Failed)
    at = next(i for i, e in enumerate(events) if isinstance(e, Loaded))
    later = [t.generation for e in events[at:] if is_draft(e) for t in e.turns]
    assert {record.adapter_id for record in later} == {adapter.id}
    shared.draft(91, PROMPTS[:1], SEEDS[:1])
    alone = made(shared.until(DraftsOver, Failed))[0]
    assert alone in [[t.generation.response_ids for t in e.turns] for e in events if is_draft(e)]
    shared.client.load(Load(bundled_ref()))
    assert shared.until(Loaded)[-1].adapter_id is None


def test_drafts_for_another_model_are_refused(shared):
    prompts = [[Block("", [1, 2, 3])]]
    shared.client.generate(Draft(95, "another@1", prompts, Sampling(), [[1, 2]]))
    failed = shared.until(DraftsOver, Failed)[-1]
    assert (failed.request, failed.message) == (95, "Another model writes now.")


def test_an_engine_that_dies_fails_its_drafts(tmp_path):
    driver = Driver(tmp_path)
    driver.client.load(Load(bundled_ref()))
    driver.until(Loaded)
    driver.draft(1, PROMPTS * 20, SEEDS * 20)
    driver.until(Drafted)
    os.kill(driver.client.pid, signal.SIGKILL)
    failed = driver.until(Failed)[-1]
    assert failed.request == 1
    driver.until(Loaded)
    driver.draft(2, PROMPTS[:1], SEEDS[:1])
    assert len(made(driver.until(DraftsOver, Failed))) == 1
    driver.client.close()


# ---------------------------------------------------------------------------- comparisons
@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    """Three adapters that write differently."""
    folder = tmp_path_factory.mktemp("adapters")
    return [made_adapter(folder / str(seed), seed) for seed in range(3)]


@pytest.fixture
def writing(shared, adapters):
    """An engine on which the first of the adapters writes."""
    shared.client.load(Load(bundled_ref(), adapters[0]))
    assert shared.until(Loaded)[-1].adapter_id == adapters[0].id
    yield shared
    shared.client.load(Load(bundled_ref()))
    shared.until(Loaded)


def still_writes(driver, adapter, request):
    """The next turn is this adapter's."""
    done = driver.write(request, seed=9)[-1]
    assert done.generation.adapter_id == adapter.id
    return done.generation.response_ids


def test_two_adapters_draft_after_the_same_prompts_with_the_same_seeds(writing, adapters):
    same = [[7, 7], [8, 8], [9, 9]]
    before = still_writes(writing, adapters[0], 100)
    writing.draft(101, PROMPTS, same, [None, adapters[1]])
    events = writing.until(DraftsOver, Failed)
    drafted = [e for e in events if is_draft(e)]
    assert [e.index for e in drafted] == [0, 1, 2]
    for event in drafted:
        records = [turn.generation for turn in event.turns]
        assert [record.adapter_id for record in records] == [None, adapters[1].id]
        assert len({record.sampling.seed for record in records}) == 1
        assert records[0].prompt_ids == records[1].prompt_ids
        assert records[0].response_ids != records[1].response_ids
    assert not [e for e in events if isinstance(e, Loaded)], "what writes has not changed"
    assert still_writes(writing, adapters[0], 102) == before
    writing.client.load(Load(bundled_ref(), adapters[1]))
    writing.until(Loaded)
    writing.draft(103, PROMPTS, [[seed] for seed, _ in same])
    alone = made(writing.until(DraftsOver, Failed))
    assert [alone[i][0] for i in range(3)] == [e.turns[1].generation.response_ids for e in drafted]


def test_a_turn_amid_a_comparison_is_the_writing_adapters(writing, adapters):
    order = (PROMPTS * 4, [[i, i] for i in range(12)], [adapters[1], adapters[2]])
    before = still_writes(writing, adapters[0], 110)
    writing.draft(111, *order)
    whole = made(writing.until(DraftsOver, Failed))
    writing.draft(112, *order)
    writing.until(Phase)
    events = []
    for request in (113, 114):  # amid the first one's drafts, and later
        writing.client.generate(Generate(request, [PREMISE], Sampling(seed=9, **SHORT)))
        events += writing.until(Finished, Failed)
        assert events[-1].generation.adapter_id == adapters[0].id
        assert events[-1].generation.response_ids == before
    events += writing.until(DraftsOver, Failed)
    assert made(events) == whole


def test_a_cancelled_comparison_leaves_the_writing_adapter_on(writing, adapters):
    writing.draft(120, PROMPTS * 20, [[i, i] for i in range(60)], [adapters[1], None])
    writing.until(Phase)
    writing.client.cancel(120)
    assert isinstance(writing.until(DraftsOver, Failed)[-1], DraftsOver)
    still_writes(writing, adapters[0], 121)


def test_a_damaged_adapter_is_not_compared_and_the_writing_one_stays(writing, adapters, tmp_path):
    bad = made_adapter(tmp_path / "bad", 5)
    weights = tmp_path / "bad" / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1000] ^= 1
    weights.write_bytes(data)
    writing.draft(130, PROMPTS, SEEDS, [adapters[1], bad])
    events = writing.until(DraftsOver, Failed)
    assert (events[-1].request, bad.id in events[-1].message) == (130, True)
    assert made(events) == {}
    still_writes(writing, adapters[0], 131)


def test_a_writing_adapter_that_was_damaged_meanwhile_is_said_to_be_off(shared, tmp_path, adapters):
    mine = made_adapter(tmp_path / "mine", 6)
    shared.client.load(Load(bundled_ref(), mine))
    shared.until(Loaded)
    (tmp_path / "mine" / "adapter_model.safetensors").unlink()
    shared.draft(140, PROMPTS, SEEDS, [adapters[1], None])
    assert isinstance(shared.until(DraftsOver, Failed)[-1], DraftsOver)
    shared.draft(141, PROMPTS, SEEDS, [None, adapters[1]])
    events = shared.until(Loaded)
    assert events[-1].adapter_id is None
    assert shared.until(Failed)[-1].request is None
    assert shared.write(142, seed=1)[-1].generation.adapter_id is None


# ---------------------------------------------------------------------- looking at prompts
def test_a_look_at_the_prompt_is_what_the_turn_is_given(shared):
    blocks = [
        Block("<prompt>\nA shy fox\n", source="premise"),
        Block("It is winter.\n", source="memory"),
        Block("[Owl: wise]\n", source="lore", name="Owl", left="not spoken of", late=True),
        *[Block(f"<story>\nIt sat by river {n}. {'It waited. ' * 60}\n", name=str(n), beat=f"R{n}")
          for n in range(1, 6)],
        Block("[Let it snow.]\n", source="note"),
    ]  # fmt: skip
    shared.client.generate(Examine(191, bundled_ref().key, blocks, Sampling(seed=3, **SHORT)))
    seen = shared.until(Examined, Failed)[-1]
    made = shared.write(192, blocks, seed=3)[-1].generation
    assert [token for one in seen.stretches for token in one.ids] == made.prompt_ids
    assert [(one.source, one.name, len(one.ids)) for one in seen.stretches] == [
        (one.source, one.name, one.tokens) for one in made.shown
    ]
    assert seen.left_out == made.left_out
    assert {one.source for one in made.left_out} == {"lore", "text"}
    assert "R1." in next(one.text for one in seen.stretches if one.source == "summary")
    assert len(made.prompt_ids) <= seen.budget
    back = Examine(193, bundled_ref().key, [], made.sampling, "", made.prompt_ids, made.shown)
    shared.client.generate(back)
    assert shared.until(Examined, Failed)[-1].stretches == seen.stretches
    shared.client.generate(msgspec.structs.replace(back, request=194, model="other@1"))
    assert shared.until(Examined, Failed)[-1].message == "Another model writes now."
    broken = msgspec.structs.replace(back, request=195, prompt_ids=[10**6])
    shared.client.generate(broken)
    assert "cannot be read" in shared.until(Examined, Failed)[-1].message


# ---------------------------------------------------------------------- looking at tokens
def looked(driver, request, made, adapter=None, active=False, model=None):
    command = Probe(
        request, model or bundled_ref().key, made.prompt_ids, made.response_ids, adapter, active
    )
    driver.client.generate(command)
    return driver.until(Probed, Failed)[-1]


def test_a_look_is_had_with_the_adapter_that_wrote_and_the_writing_one_stays(writing, adapters):
    one, two, _ = adapters
    made = writing.write(201, seed=9)[-1].generation
    assert made.adapter_id == one.id
    with_it = looked(writing, 202, made, one)
    assert with_it.adapter_id == one.id
    found = [token.taken.logprob for token in with_it.tokens]
    assert found == pytest.approx(made.raw_logprobs, rel=1e-4, abs=1e-4)
    other = looked(writing, 203, made, two)
    assert other.adapter_id == two.id
    assert [t.taken.logprob for t in other.tokens] != pytest.approx(found, rel=1e-2, abs=1e-2)
    bare = looked(writing, 204, made)
    assert bare.adapter_id is None
    active = looked(writing, 205, made, active=True)
    assert active.adapter_id == one.id
    assert [t.taken.logprob for t in active.tokens] == pytest.approx(found, rel=1e-4, abs=1e-4)
    still_writes(writing, one, 206)
    assert writing.write(207, seed=9)[-1].generation.response_ids == made.response_ids


def test_with_a_damaged_adapter_what_writes_looks_and_says_so(writing, adapters, tmp_path):
    bad = made_adapter(tmp_path / "bad", 5)
    (tmp_path / "bad" / "adapter_model.safetensors").write_bytes(b"x")
    made = writing.write(211, seed=9)[-1].generation
    assert looked(writing, 212, made, bad).adapter_id == adapters[0].id
    still_writes(writing, adapters[0], 213)


def test_a_look_at_another_models_tokens_or_at_no_tokens_is_one_clear_line(shared):
    made = shared.write(221, seed=2)[-1].generation
    assert looked(shared, 222, made, model="other@1").message == "Another model writes now."
    broken = msgspec.structs.replace(made, response_ids=[10**6])
    assert "cannot be read" in looked(shared, 223, broken).message
    again = Generate(224, [PREMISE], Sampling(), begun=Begun("other@1", [3], 2))
    shared.client.generate(again)
    assert shared.until(Finished, Failed)[-1].message == "Another model writes now."
    assert shared.write(225, seed=2)[-1].generation.response_ids == made.response_ids


def test_a_look_that_is_cancelled_ends_with_nothing_and_the_next_turn_is_right(shared):
    made = shared.write(231, seed=4)[-1].generation
    long = msgspec.structs.replace(made, response_ids=(made.response_ids * 20)[:800])
    command = Probe(232, bundled_ref().key, long.prompt_ids, long.response_ids)
    shared.client.generate(command)
    shared.client.cancel(232)
    done = shared.until(Probed, Failed)[-1]
    assert done.tokens == []
    assert shared.write(233, seed=4)[-1].generation.response_ids == made.response_ids


def test_a_turn_begun_with_recorded_tokens_has_them_in_its_record(shared):
    made = shared.write(241, seed=4)[-1].generation
    at = made.prose_start + 5
    kept, then = made.response_ids[:at], made.response_ids[at] + 1
    command = Generate(
        242,
        [PREMISE],
        Sampling(seed=8),
        begun=Begun(bundled_ref().key, kept, made.prose_start, then),
    )
    shared.client.generate(command)
    events = shared.until(Finished, Failed)
    again = events[-1].generation
    assert again.prompt_ids == made.prompt_ids
    assert again.response_ids[: at + 1] == [*kept, then]
    assert again.forced == [True] * (at + 1) + [False] * (len(again.response_ids) - at - 1)
    assert again.raw_logprobs[:at] == pytest.approx(made.raw_logprobs[:at], rel=1e-3, abs=1e-3)
    said = "".join(one.text for one in events if isinstance(one, Delta) and one.part == "prose")
    assert said.strip() == events[-1].prose


def test_a_look_goes_before_the_drafts_and_they_go_on(writing, adapters):
    made = writing.write(251, seed=9)[-1].generation
    writing.draft(252, [[PREMISE]], [[1, 2]], adapters[:2])
    assert looked(writing, 253, made, adapters[1]).adapter_id == adapters[1].id
    found = {}  # what the test before left to be drafted comes first
    while 252 not in found:
        events = writing.until(DraftsOver, Failed)
        found |= {one.request: one for one in events if is_draft(one)}
    drafted = found[252]
    ids = [one.generation.adapter_id for one in drafted.turns]
    assert ids == [one.id for one in adapters[:2]]
    still_writes(writing, adapters[0], 254)


def test_drafts_for_a_place_in_a_passage_are_weighed_by_what_follows(shared):
    middle = Middle("- The fox finds an apple", "The fox found", " So they ate it together.")
    short = Sampling(outline_tokens=12, prose_tokens=12)
    key = bundled_ref().key
    shared.client.generate(Draft(120, key, [[PREMISE]], short, [[1, 2, 3]], middle=middle))
    drafted = shared.until(Drafted, Failed)[-1]
    shared.until(DraftsOver)
    assert isinstance(drafted, Drafted)
    assert len({one.prose for one in drafted.turns}) == 3
    following = codec().encode(middle.following)
    for one, fit in zip(drafted.turns, drafted.fits, strict=True):
        made = one.generation
        assert one.prose.startswith("The fox found")
        assert one.outline == "- The fox finds an apple"
        text = made.prompt_ids + made.response_ids[: made.prose_end]
        with torch.no_grad():
            logits = shared_base()(torch.tensor([text + following])).logits[0]
        logits = torch.log_softmax(logits[len(text) - 1 : -1], -1)
        expected = float(logits[range(len(following)), following].sum())
        assert fit == pytest.approx(expected, abs=1e-2)


def test_drafts_for_a_place_leave_the_page_as_it_was(shared):
    first = shared.write(121, seed=9)[-1].generation.response_ids
    middle = Middle("", "The owl", " And so on.")
    short = Sampling(outline_tokens=12, prose_tokens=12)
    shared.client.generate(Draft(122, bundled_ref().key, [[PREMISE]], short, [[1]], middle=middle))
    shared.until(DraftsOver)
    assert shared.write(123, seed=9)[-1].generation.response_ids == first


def test_a_place_too_long_for_the_window_is_refused(shared):
    middle = Middle("", "The owl sat. " * 400, "")
    key = bundled_ref().key
    shared.client.generate(Draft(124, key, [[PREMISE]], Sampling(), [[1]], middle=middle))
    assert "too small" in shared.until(Failed, Drafted)[-1].message
