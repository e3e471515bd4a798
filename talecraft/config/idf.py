"""How common words are: the writer's own table where there is one, else the shipped one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from talecraft.config.assets import idf_file
from talecraft.errors import ConfigError, os_reason
from talecraft.paths import Home
from talecraft.story.idf import Idf

MOST_BYTES = 100_000_000


def read_idf(path: Path) -> Idf:
    """Raises ConfigError, in one line, where the file cannot be read or is no such table."""
    again = "Count it once more with `talecraft corpus idf`, or remove it."
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} is too large for a table of words.", again)
        found = msgspec.json.decode(path.read_bytes(), type=Idf)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {os_reason(error)}.", again) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no table of words: {error}.", again) from error
    wrong = next((one for one, n in found.words.items() if not 0 < n <= found.documents), None)
    if found.documents < 1 or wrong is not None:
        what = (
            "it counts no passage" if wrong is None else "a word is in more passages than there are"
        )
        raise ConfigError(f"{path} is no table of words: {what}.", again)
    return found


def idf_in_effect(home: Home) -> tuple[Idf, Path]:
    """The table that is used, and its file: the own one where it is there, else the shipped one.

    A broken own one is an error, never passed over. Raises ConfigError.
    """
    path = home.idf if home.idf.exists() else idf_file()
    return read_idf(path), path
