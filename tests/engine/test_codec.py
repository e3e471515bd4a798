"""How a model is shown a story: by an example until it knows the form, in its own chat, aloud."""

import msgspec
import pytest
import torch

from talecraft.config import models
from talecraft.engine.codec import Codec
from talecraft.engine.decoding import Writer
from talecraft.engine.session import Session
from talecraft.learning import episodes
from talecraft.learning.scribe import Scribe
from talecraft.learning.telling import shown
from talecraft.paths import home
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from tests.support.models import shared_base, tokenizer

OWL = Block("Story idea: An owl\n")


def style(name):
    return models.load(home())._styles[name]


def codec(name, **changes):
    return Codec(tokenizer(), msgspec.structs.replace(style(name), **changes), {1})


def test_a_base_model_reads_an_example_in_its_own_form_first():
    made, learned = codec("plain"), codec("plain", example="")
    ids = made.premise(OWL)
    assert ids == made.encode(made.style.example) + learned.premise(OWL)
    example = made.style.example
    for part in (made.style.premise_open, made.style.think_open, made.style.story_open):
        assert part.strip() in example
    plan, prose = example.split(made.style.think_open)[1].split(made.style.story_open)
    assert 2 <= len(plan.splitlines()) <= 4
    assert len(prose.split()) > 40


@pytest.mark.parametrize("name", ["tags", "chat", "reasoning"])
def test_only_a_base_model_is_shown_one(name):
    assert codec(name).example == []


def test_who_is_taught_the_pattern_is_to_do_without_it():
    scribe = Scribe.of(codec("plain"), tokenizer(), 512)
    assert scribe.premise("An owl") == codec("plain", example="").premise(OWL)


def test_what_is_practised_keeps_the_example_and_its_own_premise():
    made = codec("plain")
    text = made.encode(f"{made.style.think_open}It flies\n{made.style.story_open}It flew. ") * 20
    prompt = made.premise(OWL) + text
    short = episodes.shorten(prompt, 96, made)
    assert short[: len(made.example)] == made.example
    rest = made.decode(short[len(made.example) :])
    assert rest.startswith("Story idea: An owl")
    assert len(short) <= len(made.example) + 96
    assert episodes.shorten(made.premise(OWL), 96, made) == made.premise(OWL)
    assert shown(made, made.premise(OWL)) == "An owl"


THINKS = "{% for m in messages %}<user>{{ m['content'] }}{% endfor %}<bot><think>\n"
PLAIN = "{% for m in messages %}<user>{{ m['content'] }}{% endfor %}<bot>"


@pytest.mark.parametrize("template", [THINKS, PLAIN])
def test_a_template_that_opens_the_thoughts_leaves_that_to_the_program(monkeypatch, template):
    monkeypatch.setattr(tokenizer(), "chat_template", template)
    made = codec("reasoning")
    text = made.decode(made.premise(Block("An owl\n")))
    assert text.startswith("<user>You co-write")
    assert text.endswith("An owl<bot>")


def test_thoughts_are_the_plan_and_their_end_opens_the_prose(monkeypatch):
    """The model closes its own thoughts, and whatever it does there is a plan and prose."""
    monkeypatch.setattr(tokenizer(), "chat_template", THINKS)
    made = codec("reasoning")
    told = made.encode("An owl flies\n</think>\n\nThe owl flew.<think>")

    def write(forced):
        session = Session(shared_base(), "cpu")
        logits = session.read(made.premise(Block("An owl\n")), lambda: False, lambda *_: None)
        writer = Writer(session, made, Sampling(outline_tokens=12, prose_tokens=12), lambda p: None)
        if forced:
            queue = iter(told)
            monkeypatch.setattr(writer._sampler, "draw", lambda *_: (next(queue), -1.0, -1.0))
        with torch.inference_mode():
            return writer.write(logits, lambda: False)

    turn = write(forced=True)
    assert (turn.outline.strip(), turn.prose.strip()) == ("An owl flies", "The owl flew.")
    assert turn.stop_reason == "end"
    own = write(forced=False)
    assert own.outline.strip()
    assert own.prose.strip()
    assert "</think>" not in own.outline + own.prose
