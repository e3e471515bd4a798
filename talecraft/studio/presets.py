"""How words are drawn in a story: its preset over the settings; presets of other programs read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from talecraft.config.presets import LONGEST_NAME, Preset, Presets
from talecraft.config.settings import WritingSettings
from talecraft.errors import ConfigError, UsageError
from talecraft.library import Library
from talecraft.story.clean import clean_line
from talecraft.story.turns import Story
from talecraft.studio import foreign

LARGEST = 1e9
# What others call what we know. SillyTavern and KoboldAI keep JSON, text-generation-webui YAML.
_NAMES: Mapping[str, Sequence[str]] = {
    "temperature": ("temperature", "temp"),
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "typical_p": ("typical_p", "typical"),
    "xtc_probability": ("xtc_probability",),
    "xtc_threshold": ("xtc_threshold",),
    "repetition_penalty": ("repetition_penalty", "rep_pen"),
    "dry_multiplier": ("dry_multiplier",),
    "dry_base": ("dry_base",),
    "dry_allowed_length": ("dry_allowed_length",),
}
# Samplers that we do not have, and at what value they do nothing.
_OTHERS: Mapping[str, float] = {
    "tfs": 1, "top_a": 0, "epsilon_cutoff": 0, "eta_cutoff": 0, "mirostat_mode": 0, "mirostat": 0,
    "smoothing_factor": 0, "penalty_alpha": 0, "no_repeat_ngram_size": 0, "presence_penalty": 0,
    "frequency_penalty": 0, "encoder_repetition_penalty": 1, "encoder_rep_pen": 1,
    "guidance_scale": 1, "top_n_sigma": 0, "nsigma": 0, "freq_pen": 0, "presence_pen": 0,
    "dynatemp": 0, "dynamic_temperature": 0, "skew": 0, "smoothing_curve": 1,
}  # fmt: skip


class Drawing:
    """A story's preset over the settings."""

    def __init__(self, library: Library, presets: Presets) -> None:
        self._library = library
        self.presets = presets

    def of(self, story: Story) -> Preset | None:
        """The story's; None where it has none, or one that is no more."""
        if story.preset and story.preset not in self.presets:
            with suppress(ConfigError):  # it may have come since, by another program of ours
                self.presets.refresh()
        return self.presets.get(story.preset)

    def over(self, writing: WritingSettings, story: Story | None) -> WritingSettings:
        """`writing` as it holds in this story."""
        preset = self.of(story) if story is not None else None
        return preset.over(writing) if preset is not None else writing

    def use(self, story_id: int, name: str) -> None:
        """Draw by this preset in the story from now on; "": as the settings say.

        Raises UsageError where there is no such story or preset.
        """
        if name:
            self.presets.find(name)
        self._library.stories.set_preset(story_id, name)

    def take_in(self, path: Path, name: str = "") -> tuple[Preset, Sequence[str]]:
        """A preset from a file of SillyTavern, KoboldAI or text-generation-webui, kept under `name`
        or the file's own; and what of it there is no sampler for here.

        Raises UsageError where it cannot be read or says nothing, ConfigError where it cannot be
        kept.
        """
        table = foreign.read(path, "preset", yaml=True)
        if not isinstance(table, dict):
            raise UsageError(f"{path}: no preset.", "A table of samplers is meant.")
        name = clean_line(name or path.stem).strip()[:LONGEST_NAME]
        if not name:
            raise UsageError("It needs a name.", "Give one with --name.")
        found: dict[str, object] = {
            ours: table[theirs]
            for ours, names in _NAMES.items()
            for theirs in names
            if _is_number(table.get(theirs))
        }
        if phrases := _phrases(table):
            found["banned"] = phrases
        if bias := _bias(table):
            found["bias"] = bias
        if not found:
            raise UsageError(
                f"{path}: no sampler is set there.",
                "SillyTavern and KoboldAI keep presets as JSON, text-generation-webui as YAML.",
            )
        preset = _checked(path, {"id": name, "about": f"From {clean_line(path.name)}.", **found})
        self.presets.keep(preset)
        left = [one for one, idle in _OTHERS.items() if table.get(one, idle) not in (idle, False)]
        return preset, left


def _checked(path: Path, fields: dict[str, Any]) -> Preset:
    """The same with whole numbers where those are meant. Raises UsageError for one out of range."""
    if "top_k" in fields:
        fields["top_k"] = max(0, int(fields["top_k"]))  # -1 is "all" elsewhere
    if "dry_allowed_length" in fields:
        fields["dry_allowed_length"] = int(fields["dry_allowed_length"])
    # What belongs to a sampler that is off may be anything.
    for off, idle in (("xtc_probability", "xtc_threshold"), ("dry_multiplier", "dry_base"),
                      ("dry_multiplier", "dry_allowed_length")):  # fmt: skip
        if not fields.get(off, 1):
            fields.pop(idle, None)
    if not fields.get("top_p", 1):
        del fields["top_p"]
    try:
        return msgspec.convert(fields, Preset)
    except msgspec.ValidationError as error:
        what, _, place = str(error).replace("`", "").partition(" - at ")
        place = place.rpartition("$.")[2] or "bias"
        raise UsageError(
            f"{path}: {what} ({place}).", "Correct it there, and import it again."
        ) from error


def _is_number(value: object) -> bool:
    """A finite one, no larger than any that means something."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST


def _phrases(table: Mapping[str, Any]) -> Sequence[str]:
    """Banned phrases: a text with one a line, as SillyTavern has them in quotation marks."""
    for name in ("banned_tokens", "banned_strings", "custom_token_bans"):
        value = table.get(name)
        lines = value.splitlines() if isinstance(value, str) else value
        if isinstance(lines, list):
            texts = [foreign.line(one).strip('"') for one in lines if isinstance(one, str)]
            # A list of numbers is of tokens, which are another model's.
            return [one for one in texts if one and not re.fullmatch(r"[\d\s,\[\]]+", one)]
    return []


def _bias(table: Mapping[str, Any]) -> dict[str, float]:
    """SillyTavern's `logit_bias`, entries of text and value; tokens' are another model's."""
    entries = table.get("logit_bias")
    if not isinstance(entries, list):
        return {}
    return {
        foreign.line(one["text"]): float(one["value"])
        for one in entries
        if isinstance(one, dict)
        and isinstance(one.get("text"), str)
        and _is_number(one.get("value"))
        and foreign.line(one["text"])
        and not foreign.line(one["text"]).startswith("[")
    }
