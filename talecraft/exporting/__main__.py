"""`python -m talecraft.exporting`: an order on standard input, what comes of it on standard output.

Everything is written beside its place under another name and moved there when it is whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from talecraft.engine import checking, loading
from talecraft.errors import TalecraftError, UsageError
from talecraft.exporting import folders
from talecraft.formats import gguf_files
from talecraft.formats.weights import Hear, Weights
from talecraft.paths import flush_file
from talecraft.process.child import answers
from talecraft.process.errand import Unfit
from talecraft.process.export import Exported, Exporting, ExportOrder


def carry_out(order: ExportOrder, tell: Hear) -> Exported:
    """Raises TalecraftError for what cannot be had. Nothing is left of what failed."""
    target = Path(order.target)
    adapter = loading.trusted(order.adapter, order.model) if order.adapter is not None else None
    folder = Path(order.model.folder)
    checking.check(folder, order.model.id)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        precision = _write(order, folder, adapter, new, tell)
        for file in new.rglob("*") if new.is_dir() else [new]:
            flush_file(file)
        if not new.is_dir():
            new.chmod(0o600)
        os.rename(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True) if new.is_dir() else new.unlink(missing_ok=True)
    files = target.iterdir() if target.is_dir() else [target]
    return Exported(sum(file.stat().st_size for file in files), precision)


def _write(order: ExportOrder, folder: Path, adapter: Path | None, new: Path, tell: Hear) -> str:
    if order.form == "peft":
        if adapter is None:
            raise UsageError("The bare model is no adapter.", "Name an adapter.")
        folders.peft(adapter, new, order.source)
        return "F32"
    with Weights(folder, adapter) as weights:
        if order.form == "merged":
            return folders.merged(weights, folder, new, tell)
        if order.form == "gguf":
            return gguf_files.model(weights, folder, new, order.title, order.licence, tell)
        if not weights.lora:
            raise UsageError("The bare model is no adapter.", "Name one, or export it as gguf.")
        gguf_files.adapter(weights, folder, new, order.title, order.licence)
        return "F32"


def main() -> int:
    say = answers()
    try:
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=ExportOrder)
        say(carry_out(order, lambda done, total: say(Exporting(done, total))))
    except TalecraftError as error:
        say(Unfit(error.message, error.hint))
    except OSError as error:
        say(Unfit(f"It could not be written: {error.strerror or error}.", "Is the disk full?"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
