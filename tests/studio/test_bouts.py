"""Two models of which the engine holds one at a time look like one that wrote both."""

import itertools

import pytest

from talecraft.errors import EngineError
from talecraft.process.messages import (
    Draft,
    Drafted,
    DraftsOver,
    Failed,
    Finished,
    Load,
    ModelRef,
)
from talecraft.story.context import PromptStyle
from talecraft.story.notes import Notes
from talecraft.story.turns import Generation, Sampling, Story
from talecraft.studio.bouts import Bout, Side


class Engine:
    """Takes down what it is asked."""

    def __init__(self, refuses=()):
        self.said, self._refuses = [], refuses

    def load(self, load):
        self.said.append(load)

    def generate(self, draft):
        if draft.model in self._refuses:
            raise EngineError("No.")
        self.said.append(draft)

    def cancel(self, request):
        self.said.append(request)


def side(name):
    model = ModelRef(name, "1", "/nowhere", "none", 512, PromptStyle())
    return Side(Load(model), Sampling(seed=0, prose_tokens=40))


def wrote(name):
    made = Generation(
        name, "1", "none", None, "batch", Sampling(),
        [1], [2], [False], 0, 1, [0.0], [0.0], "end", 0.1,
    )  # fmt: skip
    return Finished(0, "", f"By {name}.", made)


def begun(engine):
    bout = Bout(engine, itertools.count(-1, -1), (side("one"), side("two")))
    story = Story(0, "", "An owl.", None, "", "")
    return bout, bout.ask([(story, (), Notes()), (story, (), Notes(memory="It rains."))], [7, 8])


def drafts(engine):
    return [one for one in engine.said if isinstance(one, Draft)]


def test_one_model_writes_all_then_the_other_from_the_same_seeds():
    engine = Engine()
    bout, request = begun(engine)
    (first,) = drafts(engine)
    assert (first.model, first.seeds, first.adapters) == ("one@1", [[7], [8]], [None])
    for index in (0, 1):
        assert bout.settle(Drafted(first.request, index, [wrote("one")])) is None
    assert bout.settle(DraftsOver(first.request)) is None
    loads = [one.model.id for one in engine.said if isinstance(one, Load)]
    second = drafts(engine)[1]
    assert loads == ["one", "two"]
    assert (second.model, second.seeds) == ("two@1", [[7], [8]])
    pair = bout.settle(Drafted(second.request, 1, [wrote("two")]))
    assert (pair.request, pair.index) == (request, 1)
    assert [one.prose for one in pair.turns] == ["By one.", "By two."]
    assert bout.settle(DraftsOver(second.request)) == DraftsOver(request)


def test_what_is_stopped_half_way_is_over_and_the_other_is_not_asked():
    engine = Engine()
    bout, request = begun(engine)
    (first,) = drafts(engine)
    bout.settle(Drafted(first.request, 0, [wrote("one")]))
    bout.cancel()
    assert engine.said[-1] == first.request
    assert bout.settle(DraftsOver(first.request)) == DraftsOver(request)
    assert len(drafts(engine)) == 1


def test_a_failure_of_either_is_the_whole_ones_and_strangers_pass():
    engine = Engine()
    bout, request = begun(engine)
    (first,) = drafts(engine)
    told = bout.settle(Failed(first.request, "Memory ran out."))
    assert (told.request, told.message) == (request, "Memory ran out.")
    stranger = Failed(99, "Somebody else's.")
    assert bout.settle(stranger) is stranger


def test_a_second_side_that_cannot_be_asked_raises():
    engine = Engine(refuses={"two@1"})
    bout, _ = begun(engine)
    (first,) = drafts(engine)
    for index in (0, 1):
        bout.settle(Drafted(first.request, index, [wrote("one")]))
    with pytest.raises(EngineError, match="No"):
        bout.settle(DraftsOver(first.request))
