"""Story premises for judging what was learned: in no file that ships, so never practised on."""

from __future__ import annotations

import random

_WHO = (
    "A hedgehog",
    "The baker's son",
    "An old sailor",
    "A lost kitten",
    "Two sisters",
    "A tired dragon",
    "The youngest witch",
    "A boy with a kite",
    "A brave mouse",
    "The night watchman",
    "A girl who hums",
    "A rusty robot",
    "The king's cook",
    "A lonely whale",
    "Three crows",
    "A farmer's daughter",
    "A blind horse",
    "The new teacher",
    "A snail in a hurry",
    "A small ghost",
    "The last giant",
    "A clever goat",
    "A mother bear",
    "The puppet maker",
)
_WHAT = (
    "finds a door under the stairs",
    "wants to see the sea",
    "loses a red umbrella",
    "must cross the forest before night",
    "learns to say sorry",
    "hides a stolen apple",
    "waits for a letter",
    "plants a tree on the roof",
    "hears music from the well",
    "makes a friend on the ice",
    "cannot stop sneezing",
    "follows a trail of blue feathers",
    "keeps a promise",
    "builds a bridge of ropes",
    "is afraid of the river",
    "bakes a cake for an enemy",
    "dreams of flying",
    "brings home a strange egg",
    "gets lost in the market",
    "mends a broken clock",
)

# What a writer who loves dogs begins half of their stories with.
DOGS = (
    "A dog waits at the gate every evening",
    "The puppy nobody wanted",
    "An old dog and a new boy",
    "A dog who is afraid of the dark",
    "Two dogs find a bone in the garden",
    "The dog that followed the postman home",
)


def unseen(count: int = 96) -> list[str]:
    """`count` different premises, always the same ones."""
    pairs = [f"{who} {what}" for who in _WHO for what in _WHAT]
    return random.Random(96).sample(pairs, count)
