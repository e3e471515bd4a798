"""Taking an adapter along: as PEFT has it, merged into the model, or as GGUF for llama.cpp."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from talecraft.errors import DoesNotFit, LibraryError, UsageError, os_reason
from talecraft.library.adapters import Adapter
from talecraft.paths import private_folder
from talecraft.process import export as process
from talecraft.process.export import Exported, ExportOrder, Form
from talecraft.studio import memory
from talecraft.studio.exporting import file_name

if TYPE_CHECKING:
    from talecraft.studio.studio import Studio

FORMS: tuple[str, ...] = get_args(Form)
BARE = "none"
RESERVE_MB = 200.0  # of the disk, which stay free
_AS_LARGE_AS_THE_MODEL = ("merged", "gguf")
_UNPACKED = 2  # times: a small model's float16 becomes float32 in GGUF


def export(
    studio: Studio,
    adapter: str,
    form: str,
    target: Path | None,
    hear: Callable[[float], None],
) -> tuple[Path, Exported]:
    """Write an adapter (its name, id or how that begins; `none`: the bare model) in this form to
    `target`, or under its name among the exports; `hear` gets the share that is written.

    Raises UsageError for an unknown form, adapter or architecture and where the place is taken,
    AdapterError for a damaged one, DoesNotFit where the disk has no room for it.
    """
    if form not in FORMS:
        raise UsageError(f"'{form}' is not a form.", f"Forms: {', '.join(FORMS)}.")
    found = None if adapter == BARE else studio.usable(adapter)
    spec = studio.catalogue.get(found.model_id) if found is not None else studio.model
    folder = studio.catalogue.folder(spec, studio.home)
    if target is None:
        ending = ".gguf" if form.startswith("gguf") else ""
        name = file_name(f"{spec.id} {_called(found)} {form.removeprefix('gguf-')}")
        target = private_folder(studio.home.exports) / f"{name}{ending}"
    target = target.expanduser().absolute()
    if target.exists():
        raise UsageError(f"{target} is already there.", "Name another place, or move it away.")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is no folder.", "Make it first, or name another place.")
    if form in _AS_LARGE_AS_THE_MODEL:
        _check_room(folder, target.parent)
    title = spec.title if found is None else f"{spec.title} with {found.label}"
    order = ExportOrder(
        studio.model_ref(spec),
        studio.adapter_ref(found),
        cast(Form, form),
        str(target),
        title,
        spec.licence,
        spec.location if spec.source == "hub" else str(folder),
    )
    return target, process.export(order, lambda event: hear(event.done / max(1, event.total)))


def _called(adapter: Adapter | None) -> str:
    return "bare" if adapter is None else adapter.name or adapter.id


def _check_room(model: Path, place: Path) -> None:
    try:
        size = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    except OSError as error:
        raise LibraryError(f"{model} cannot be read: {os_reason(error)}.") from error
    needed, free = _UNPACKED * size / 1e6 + RESERVE_MB, memory.free_disk_mb(place)
    if free is not None and needed > free:
        raise DoesNotFit(
            f"It needs up to {memory.size(needed)} of disk; {memory.size(free)} are free in"
            f" {place}.",
            "Export it as peft or gguf-adapter, or to another disk.",
        )
