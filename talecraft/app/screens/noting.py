"""Writing down what the model is to be told: memory, lore, a note, the story so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from talecraft.app.keymap import hint
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.dialogs import Choose, Confirm
from talecraft.app.screens.form import Answers, Field, Form, whole_number
from talecraft.app.step_words import REDONE, UNDONE, told
from talecraft.app.widgets.context import ContextList, Row
from talecraft.errors import TalecraftError
from talecraft.library.notes import ENTRY, MEMORY, NOTE
from talecraft.story.notes import AuthorsNote, Entry, EntryKind, Notes, check, keys_of
from talecraft.story.turns import Step, StepKind

_HERE = "Only from here on, in this branch"
_NAMES = 9  # of the story's, to choose an entry from


class NotingActions(TalecraftScreen):
    """The part of the context's screen that changes the writer's notes."""

    def __init__(self, story_id: int) -> None:
        super().__init__()
        self.story_id: int = story_id

    def changed(self) -> None:
        """A note was changed."""

    @property
    def _notes(self) -> Notes:
        return self.talecraft.studio.notebook.of(self.story_id)

    @property
    def _row(self) -> Row | None:
        return self.query_one(ContextList).row

    @property
    def _chosen_entry(self) -> str | None:
        """The key of the entry one is at."""
        row = self._row
        if row is None or row.source not in ("lore", "character"):
            return None
        for key, entry in self._notes.entries.items():
            if entry.title == row.name:
                return key
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "remove" and self.is_mounted:
            return self._chosen_entry is not None
        return super().check_action(action, parameters)

    def why_not_do(self, action: str) -> str:
        return "There is no entry to take out here." if action == "remove" else ""

    # ------------------------------------------------------------------ asking
    def on_context_list_asked(self) -> None:
        row = self._row
        if row is None:
            return
        match row.source:
            case "memory":
                self.action_memory()
            case "note":
                self.action_note()
            case "summary":
                self.action_summary()
            case "lore" | "character" if (key := self._chosen_entry) is not None:
                self._ask_entry(self._notes.entries[key], key)
            case "lore" | "character":
                self.action_new_entry()
            case "premise":
                self.talecraft.say("The premise is how the story began; it stays as it is.")
            case "form":
                self.talecraft.say("This is how the model is asked: it belongs to the model.")
            case "text":
                edit = hint("passage.edit", "e")
                self.talecraft.say(f"The story's own text: {edit} edits a passage on the page.")

    def _do(self, what: Callable[[], object]) -> bool:
        """Change a note, or say why it could not be."""
        try:
            what()
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        self.changed()
        return True

    def _holds(self, key: str) -> str:
        """Where the note of this key holds now, in words."""
        turn_id = self.talecraft.studio.notebook.holds_from(self.story_id).get(key, 0)
        if not turn_id:
            return "It holds in the whole story."
        path = self.talecraft.studio.library.stories.path(turn_id)
        return f"It holds from passage {len(path)} of this branch on."

    @property
    def _here(self) -> list[Field]:
        """Whether a note is to hold from the open end on: where there is anything before it."""
        leaf = self.talecraft.studio.library.stories.get(self.story_id).leaf_id
        return [Field("here", _HERE, False, "switch")] if leaf is not None else []

    def action_memory(self) -> None:
        notebook = self.talecraft.studio.notebook

        def keep(answers: Answers) -> bool:
            here = bool(answers.get("here"))
            return self._do(lambda: notebook.remember(self.story_id, str(answers["text"]), here))

        fields = [Field("text", "", self._notes.memory, "text"), *self._here]
        about = f"What the model is always told, right after the premise. {self._holds(MEMORY)}"
        self.app.push_screen(Form("Memory", fields, keep, about))

    def action_note(self) -> None:
        notebook, note = self.talecraft.studio.notebook, self._notes.note

        def keep(answers: Answers) -> bool:
            depth = whole_number(answers, "depth", AuthorsNote().depth)
            here, text = bool(answers.get("here")), str(answers["text"])
            return self._do(lambda: notebook.tell_model(self.story_id, text, depth, here))

        def refusal(answers: Answers) -> str:
            try:
                low = whole_number(answers, "depth", AuthorsNote().depth) < 0
            except TalecraftError as error:
                return str(error)
            return "A note stands 0 or more passages before the end." if low else ""

        fields = [
            Field("text", "", note.text, "text"),
            Field("depth", "Passages after it", str(note.depth), "number"),
            *self._here,
        ]
        about = (
            "A word to the model in the midst of the text; nobody reads it in the story."
            f" {self._holds(NOTE)}"
        )
        self.app.push_screen(Form("Your note to the model", fields, keep, about, refusal))

    def action_summary(self) -> None:
        """What is told of it now, to be changed: it then holds for the passages it tells of."""
        studio, mine = self.talecraft.studio, self._notes.summary
        told, upto = self._so_far
        if upto is not None and mine.text:  # what it tells of may not have left yet
            upto = max(upto, len(studio.library.stories.path(mine.upto or None)))

        def keep(answers: Answers) -> bool:
            text = str(answers["text"]).strip()
            return self._do(lambda: studio.notebook.sum_up(self.story_id, text, upto))

        about = (
            "What is told of the passages that have left the window. Of those that leave later the"
            " beats of their plans come after it. Empty: beats alone."
        )
        fields = [Field("text", "", told or mine.text, "text")]
        self.app.push_screen(Form("The story so far", fields, keep, about))

    @property
    def _so_far(self) -> tuple[str, int | None]:
        """What the model is told of it for the next passage, and the number of the last passage
        that this stands for; "" and None where all is still there, or that is not known."""
        return "", None

    def action_plans(self) -> None:
        notebook, shown = self.talecraft.studio.notebook, self._notes.plans
        if self._do(lambda: notebook.show_plans(self.story_id, not shown)):
            words = "is shown its earlier plans again" if not shown else "is shown the prose alone"
            self.talecraft.say(f"From now on the model {words}.")

    # ------------------------------------------------------------------ undo and redo
    def action_undo(self) -> None:
        branching, steps = self.talecraft.studio.branching, self.talecraft.studio.library.branches
        self._step(branching.undo, steps.last, UNDONE, "There is nothing to undo.")

    def action_redo(self) -> None:
        branching, steps = self.talecraft.studio.branching, self.talecraft.studio.library.branches
        self._step(branching.redo, steps.next, REDONE, "There is nothing to redo.")

    def _step(
        self,
        take: Callable[[int], Step | None],
        coming: Callable[[int], Step | None],
        done: Mapping[StepKind, str],
        none: str,
    ) -> None:
        """Of the notes alone: what was done to the text the page takes back, and sees to."""
        step = coming(self.story_id)
        if step is None:
            self.talecraft.say(none)
        elif step.kind != "note":
            self.talecraft.say("What was done last was done to the text: the page takes it back.")
        elif self._do(lambda: take(self.story_id)):
            self.talecraft.say(told(step, done))

    # ------------------------------------------------------------------ entries
    def action_new_entry(self) -> None:
        self._ask_entry(Entry("", ""))

    def action_draft_entry(self) -> None:
        """Choose of whom; what the story says of them stands in the form, to be kept or changed."""
        notebook = self.talecraft.studio.notebook
        names = notebook.names(self.story_id)[:_NAMES]
        if not names:
            new = hint("context.new", "n")
            self.talecraft.say(
                f"No name without an entry comes up three times. {new} writes an entry by hand."
            )
            return

        def drafted(name: str | None) -> None:
            if name is None:
                return
            try:
                self._ask_entry(notebook.draft(self.story_id, name), changed=True)
            except TalecraftError as error:
                self.talecraft.tell(error)

        self.app.push_screen(Choose("An entry for whom?", names, "", lambda name: None), drafted)

    def _ask_entry(self, entry: Entry, key: str = "", changed: bool = False) -> None:
        notebook = self.talecraft.studio.notebook

        def keep(answers: Answers) -> bool:
            here = bool(answers.get("here"))
            return self._do(lambda: notebook.keep(self.story_id, _entry(answers), key, here))

        def refusal(answers: Answers) -> str:
            try:
                check(_entry(answers))
            except TalecraftError as error:
                return str(error)
            return ""

        about = "Told to the model when it is spoken of."
        if key:
            about = f"{about} {self._holds(ENTRY + key)}"
        elif changed:
            about = f"{about} These are the story's own words; change them as you like."
        question = entry.title if key else "A new entry"
        self.app.push_screen(Form(question, [*_fields(entry), *self._here], keep, about, refusal))

    def action_remove(self) -> None:
        key = self._chosen_entry
        if key is None:
            return
        notebook, title = self.talecraft.studio.notebook, self._notes.entries[key].title

        def remove(sure: bool | None) -> None:
            if sure:
                self._do(lambda: notebook.forget(self.story_id, key))

        question = f"Take {title} out of the lore?"
        self.app.push_screen(
            Confirm(question, "The story itself stays as it is.", "Take out"), remove
        )


def _fields(entry: Entry) -> list[Field]:
    return [
        Field("title", "Title", entry.title),
        Field("text", "What the model is told", entry.text, "text"),
        Field("keys", "Called by", ", ".join(entry.keys),
              hint="words with commas between, /patterns/; none: the title"),
        Field("scan", "in the last passages", str(entry.scan), "number"),
        Field("priority", "Priority", str(entry.priority), "number"),
        Field("limit", "At most, in tokens", str(entry.limit or ""), "number", "all of it"),
        Field("always", "Always told, called or not", entry.always, "switch"),
        Field("character", "A character", entry.kind == "character", "switch"),
    ]  # fmt: skip


def _entry(answers: Answers) -> Entry:
    """Raises UsageError where what should be a number is none."""
    kind: EntryKind = "character" if answers["character"] else "lore"
    plain = Entry("", "")
    return Entry(
        str(answers["title"]),
        str(answers["text"]),
        kind,
        keys_of(str(answers["keys"])),
        bool(answers["always"]),
        whole_number(answers, "priority", plain.priority),
        whole_number(answers, "scan", plain.scan),
        whole_number(answers, "limit", plain.limit),
    )
