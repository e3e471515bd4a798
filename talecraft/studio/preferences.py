"""The writer's settings: looked at, changed one by one, kept in config.toml as it is laid out."""

from __future__ import annotations

from collections.abc import Sequence

from talecraft.config import editing, entries, strict
from talecraft.config.entries import AUTOMATIC, Entry, Value
from talecraft.config.models import Catalogue, ModelSpec
from talecraft.config.settings import Settings, words_of
from talecraft.config.themes import THEMES
from talecraft.errors import ConfigError, UsageError
from talecraft.paths import Home, private_folder, private_write
from talecraft.story import rewards

_HOLDS = {
    "writing": "from the next passage on",
    "page": "at once",
    "training": "from the next run on",
    "engine": "from the next start on",
    "page.plain": "from the next start on",
    "engine.kind": "from the next passage on",
}


class Preferences:
    """Opening it reads the file. Raises ConfigError for one that is not understood."""

    def __init__(self, home: Home, catalogue: Catalogue) -> None:
        self._home = home
        self._catalogue = catalogue
        self._source = self._read()
        self._looked = self._seen
        self.settings = self._parse(self._source)

    # ------------------------------------------------------------------ looking
    @property
    def entries(self) -> Sequence[Entry]:
        return entries.entries()

    def value(self, entry: Entry) -> Value:
        return entry.of(self.settings)

    def choices(self, entry: Entry) -> Sequence[str]:
        """What there is to choose from; nothing where a value is typed."""
        match entry.key:
            case "page.theme":
                return THEMES
            case "writing.model":
                return [spec.id for spec in self._catalogue if self._usable(spec)]
            case _:
                return ("true", "false") if entry.kind == "switch" else entry.names

    def range(self, entry: Entry) -> str:
        """What may stand there, in words."""
        match entry.key:
            case "page.theme":
                return "a theme's name"
            case "writing.model":
                return "the id of a model that is installed, or automatic"
            case "engine.command" | "training.launcher":
                return "a command, or nothing"
            case "training.rewards":
                return f"of {', '.join(rewards.NAMES)}, or {AUTOMATIC}"
            case _:
                return entry.range

    def holds(self, entry: Entry) -> str:
        """From when on a change of this key is felt."""
        return _HOLDS.get(entry.key) or _HOLDS[entry.section]

    def check(self, entry: Entry, text: str) -> Value:
        """What was typed as a value. Raises UsageError where it cannot stand there."""
        value = entry.read(text)
        if isinstance(value, str):
            self._check_name(entry, value)
        return value

    def _check_name(self, entry: Entry, name: str) -> None:
        if entry.key == "writing.model":
            spec = self._catalogue.get(name)
            if not self._usable(spec):
                raise self.not_installed(spec)
        elif entry.key in ("engine.command", "training.launcher"):
            try:
                words_of(entry.key, name)
            except ConfigError as error:
                raise UsageError(error.message, error.hint) from None
        elif entry.key == "training.rewards" and name:
            rewards.parse(name)
        elif entry.key == "page.theme" and name not in (known := self.choices(entry)):
            raise UsageError(f"There is no theme '{name}'.", f"Themes: {', '.join(known)}.")

    def _usable(self, spec: ModelSpec) -> bool:
        """Is it installed, here or, for all that is known here, where the engine is?"""
        elsewhere = bool(self.settings.engine.command)
        return elsewhere or self._catalogue.installed(spec, self._home)

    def not_installed(self, spec: ModelSpec) -> UsageError:
        """What to say where a model is wanted whose files are not here."""
        what = f"{spec.title} is not installed."
        if spec.source == "hub":
            return UsageError(
                what, f"Fetch it on the models' screen, or with talecraft models pull {spec.id}."
            )
        folder = self._catalogue.folder(spec, self._home)
        return UsageError(what, f"Put its files (config, tokenizer, safetensors) into {folder}.")

    # ------------------------------------------------------------------ changing
    def put(self, entry: Entry, text: str | None) -> bool:
        """Set a key to what was typed; None takes it back to its default. True where the file had
        been changed meanwhile: what was changed there is kept, and holds too.

        Raises UsageError for a value that cannot stand there, ConfigError where the file cannot be
        read or this very key was changed meanwhile, LibraryError where it cannot be written; then
        nothing was written.
        """
        value = None if text is None else self.check(entry, text)
        before = self.value(entry)
        source = self._read()
        meanwhile = source != self._source
        after = editing.changed(source, self._home.settings_file, entry, value)
        if meanwhile:
            self._take(source)
            wanted = entry.default if value is None else value
            if (found := self.value(entry)) not in (before, wanted):
                raise ConfigError(
                    f"{entry.key} was changed in the file meanwhile, to {entry.words(found)}.",
                    "That holds now; nothing was written.",
                )
        if after != source:
            self._write(after)
        self._take(after)
        return meanwhile

    def refresh(self) -> bool:
        """Read the file again, where it was changed; False where it was not. Raises ConfigError,
        what held before still in force."""
        source = self._read()
        if source == self._source:
            return False
        self._take(source)
        return True

    def stale(self) -> bool:
        """Was the file changed since it was read last, and is it at rest: the same as when this was
        asked last? An editor may put a file away before it writes it anew."""
        before, self._looked = self._looked, self._stamp()
        return self._looked == before != self._seen

    # ------------------------------------------------------------------ the file
    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from another without reading it; None: there is none."""
        try:
            found = self._home.settings_file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _take(self, source: str) -> None:
        self.settings = self._parse(source)
        self._source = source

    def _parse(self, source: str) -> Settings:
        return strict.parse(source, self._home.settings_file, Settings)

    def _read(self) -> str:
        self._seen = self._stamp()
        path = self._home.settings_file
        return strict.text(path) if path.exists() else ""

    def _write(self, source: str) -> None:
        """Where the file is a link, what it leads to is replaced, not the link."""
        private_folder(self._home.config)
        private_write(self._home.settings_file.resolve(), source.encode())
