"""What the writer keeps beside a story for the model to be told."""

from __future__ import annotations

from pathlib import Path

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.library.notes import DROPPED, ENTRY, MEMORY, NOTE, PLANS, SUMMARY
from talecraft.story import naming, notes
from talecraft.story.clean import clean, clean_line
from talecraft.story.notes import AuthorsNote, Entry, Notes, Summary
from talecraft.studio import lorebooks


class Notebook:
    """The notes of stories, each for the whole story or from a passage on."""

    def __init__(self, library: Library) -> None:
        self._library = library

    # ------------------------------------------------------------------ notes
    def of(self, story_id: int) -> Notes:
        """What holds at the open end of a story. Raises UsageError where there is none."""
        return self._library.notes.at(story_id, self._base(story_id))

    def holds_from(self, story_id: int) -> dict[str, int]:
        """The turn that each of them holds from, by the library's keys; 0: from the beginning."""
        kept = self._library.notes.kept(story_id, self._base(story_id))
        return {key: one.turn_id for key, one in kept.items() if one.value is not None}

    def remember(self, story_id: int, text: str, here: bool = False) -> None:
        """Change the memory where it holds; `here`: from the open end on, in this branch alone."""
        self._put(story_id, MEMORY, clean(text).strip(), here)

    def tell_model(self, story_id: int, text: str, depth: int, here: bool = False) -> None:
        """Change the author's note. Raises UsageError for a depth below 0."""
        if depth < 0:
            raise UsageError(f"A note cannot stand {depth} passages before the end.", "0 or more.")
        self._put(story_id, NOTE, AuthorsNote(clean(text).strip(), depth), here)

    def show_plans(self, story_id: int, shown: bool, here: bool = False) -> None:
        """Whether the model is shown its earlier outlines."""
        self._put(story_id, PLANS, shown, here)

    def sum_up(self, story_id: int, text: str, upto: int | None = None) -> None:
        """The story so far in the writer's words, up to passage number `upto` of the branch (None:
        as before), from which on it holds; "" gives it back to the plans' beats, also further up.

        Raises UsageError for a passage that is not there.
        """
        text, base = clean(text).strip(), self._base(story_id)
        path = self._library.stories.path(base)
        if upto is None:
            turn_id = self.of(story_id).summary.upto
        elif 0 <= upto <= len(path):
            turn_id = path[upto - 1].id if upto else 0
        else:
            raise UsageError(f"There is no passage {upto}.", f"The story has {len(path)}.")
        # One that holds from further down would hide it.
        gone = [
            (one, SUMMARY, DROPPED)
            for one in self._library.notes.branch(story_id, base, SUMMARY)
            if one > turn_id or not text
        ]
        told = [(turn_id, SUMMARY, Summary(text, turn_id))] if text else []
        self._library.notes.put(story_id, [*gone, *told])

    def keep(self, story_id: int, entry: Entry, key: str = "", here: bool = False) -> str:
        """Add an entry, or change the one of that `key`; returns its key. Raises UsageError for one
        that cannot be used, or whose title another has."""
        entry = _cleaned(entry)
        held = self.of(story_id).entries
        for other, one in held.items():
            if other != key and one.title.lower() == entry.title.lower():
                raise UsageError(f"There is an entry called {one.title}.", "Change that one.")
        key = key or str(self._next_key(story_id))
        self._put(story_id, ENTRY + key, entry, here)
        return key

    def take_in(self, story_id: int, path: Path) -> tuple[list[Entry], int]:
        """Keep every entry of another program's lorebook; one of the same title is replaced. How
        many are in use there and were left out is told.

        Raises UsageError where there are none, or no such story.
        """
        read, left = lorebooks.read(path)
        found = [_cleaned(one) for one in read]
        held = {one.title.lower(): key for key, one in self.of(story_id).entries.items()}
        where, new = self.holds_from(story_id), self._next_key(story_id)
        values: list[tuple[int, str, object]] = []
        for number, entry in enumerate(found, new):
            key = ENTRY + held.get(entry.title.lower(), str(number))
            values.append((where.get(key, 0), key, entry))
        self._library.notes.put(story_id, values)
        return found, left

    def key_of(self, story_id: int, title: str) -> str:
        """The key of the entry of this title; "" where there is none."""
        for key, entry in self.of(story_id).entries.items():
            if entry.title.lower() == clean_line(title).lower():
                return key
        return ""

    def named(self, story_id: int, title: str) -> str:
        """The same. Raises UsageError where there is none."""
        key = self.key_of(story_id, title)
        if not key:
            raise UsageError(f"There is no entry called {clean_line(title)}.")
        return key

    def forget(self, story_id: int, key: str, here: bool = False) -> None:
        """Take an entry out. Raises UsageError where there is none of that key."""
        if key not in self.of(story_id).entries:
            raise UsageError("There is no such entry.")
        self._put(story_id, ENTRY + key, None, here)

    def _put(self, story_id: int, key: str, value: object, here: bool) -> None:
        base = self._base(story_id)
        turn_id = base or 0 if here else self.holds_from(story_id).get(key, 0)
        self._library.notes.put(story_id, [(turn_id, key, value)])

    def _next_key(self, story_id: int) -> int:
        """One that no branch has ever had."""
        keys = self._library.notes.keys(story_id)
        used = [int(key.removeprefix(ENTRY)) for key in keys if key.startswith(ENTRY)]
        return 1 + max(used, default=0)

    def _base(self, story_id: int) -> int | None:
        """What new text follows: notes of a plan that waits for its prose would go with it."""
        return self._library.stories.base(story_id)

    # ------------------------------------------------------------------ from the story
    def names(self, story_id: int) -> list[str]:
        """Who and what the open branch speaks of by name and no entry tells of, the most spoken of
        first."""
        held = self.of(story_id).entries.values()
        known = {
            word.lower() for one in held for word in [one.title, *one.keys, *one.title.split()]
        }
        return [one for one in naming.names(self._text(story_id)) if one.lower() not in known]

    def draft(self, story_id: int, name: str) -> Entry:
        """An entry for `name` in the story's own words, not kept. Raises UsageError where the story
        never speaks of it."""
        name = clean_line(name)
        told = naming.told_of(name, self._text(story_id))
        if not told:
            raise UsageError(f"The story does not speak of {name}.")
        return Entry(name, told, "character")

    def _text(self, story_id: int) -> str:
        story = self._library.stories.get(story_id)
        path = self._library.stories.path(story.leaf_id)
        return "\n".join([story.premise, *(turn.prose for turn in path)])


def _cleaned(entry: Entry) -> Entry:
    """Safe to show and to store. Raises UsageError for one that cannot be used."""
    entry = msgspec.structs.replace(
        entry,
        title=clean_line(entry.title),
        text=clean(entry.text).strip(),
        keys=tuple(dict.fromkeys(filter(None, map(clean_line, entry.keys)))),
    )
    notes.check(entry)
    return entry
