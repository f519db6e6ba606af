"""`metaadapter export`: an adapter for programs without this library."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.commands import options
from metaadapter.commands.console import Console, quarantined_json, write_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.export.exporting import Exported, Subject
__all__ = ["export"]


def export(
    adapter: options.Adapter,
    onnx: Annotated[
        Path | None,
        Option("--onnx", metavar="FILE", help="Write an ONNX file, for onnxruntime and others."),
    ] = None,
    torch: Annotated[
        Path | None,
        Option("--torch", metavar="FILE", help="Write a program of torch.export, a .pt2 file."),
    ] = None,
    pixels: Annotated[
        bool,
        Option(
            "--pixels",
            help="With the encoder, so that a decoded picture goes in, and not its features.",
        ),
    ] = False,
    int8: Annotated[
        bool,
        Option(
            "--int8",
            help="The encoder of the ONNX file in 8 bits: a quarter of the bytes. Needs --pixels, "
            "and --pictures that the adapter was made of, on which the loss is measured.",
        ),
    ] = False,
    pictures: Annotated[
        list[Path] | None,
        Option(
            metavar="IMAGES",
            help="Pictures to check the file with: a folder, a manifest, a picture; repeat.",
            show_default="photographs that come along",
        ),
    ] = None,
    encoder: options.MovedEncoder = None,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write an adapter as ONNX or for torch.export, and check that it answers the same.

    A file that answers otherwise than this program, by more than 0.0001 in any probability, is not
    written.
    """
    if onnx is None and torch is None:
        raise UsageError("nothing to write: give --onnx FILE, --torch FILE, or both")
    if int8 and not (pixels and onnx and pictures):
        raise UsageError(
            "--int8 puts the encoder of an ONNX file in 8 bits, and measures what that loses on "
            "pictures that the adapter was made of: it needs --onnx, --pixels and --pictures"
        )
    if pictures and not pixels:
        raise UsageError("--pictures checks what takes pictures, which needs --pixels")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import load_adapter
    from metaadapter.export.check_pictures import check_pictures
    from metaadapter.export.exporting import (
        Subject,
        exported_int8,
        exported_onnx,
        exported_torch,
    )
    from metaadapter.export.onnx_packages import require_onnx
    from metaadapter.task.queries import load_adapter_encoder

    for path in (onnx, torch):
        if path is not None:
            _require_place(path)
    if onnx is not None:
        require_onnx()
    stored = load_adapter(adapter)
    if pixels:
        network = load_adapter_encoder(adapter, stored.config, encoder, "cpu", "fp32")
        with console.progress() as progress:
            read = partial(check_pictures, pictures or (), network, stored.picture_hashes, progress)
            subject = Subject.with_encoder(stored, network, read)
    else:
        subject = Subject.alone(stored)
    tell = console.note if json_output else console.result
    written = []
    if onnx is not None:
        make = partial(exported_int8, adapter=adapter) if int8 else exported_onnx
        written.append(_write(onnx, "onnx", make, subject, console, tell))
    if torch is not None:
        written.append(_write(torch, "torch", exported_torch, subject, console, tell))
    warnings = subject.pictures.warnings if subject.pictures else ()
    unreadable = subject.pictures.quarantined if subject.pictures else ()
    console.warn_of_pictures("these", warnings, unreadable)
    if json_output:
        document = {
            "adapter": str(adapter),
            "input": subject.takes,
            "outputs": subject.module.outputs,
            "classes": [str(label) for label in stored.config.classes],
            "n_checked": subject.n_checked,
            "files": written,
            "warnings": warnings,
            "quarantined": quarantined_json(unreadable),
        }
        write_document("export", document)


def _require_place(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file to write")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} to")


def _write(
    path: Path,
    form: str,
    make: Callable[..., Exported],
    subject: Subject,
    console: Console,
    tell: Callable[..., None],
) -> dict[str, Any]:
    """Make a file, check it, write it and tell of it; the JSON form of what is told."""
    from metaadapter.files.atomic_files import replace_file
    from metaadapter.files.own_folder import write_errors

    console.note(f"making {path} and asking it what this program answers; this takes some seconds")
    with console.counting("checking") as count:
        made = make(subject, lambda done: count(done, subject.n_cases), owner=str(path))
    with write_errors(str(path), instead="write to another place"):
        replace_file(path, made.content)
    what = {"features": "rows of features", "pictures": "pictures"}[subject.takes]
    loss = made.int8_loss
    tell(
        f"{path}: {len(made.content):,} bytes; its probabilities differ by at most "
        f"{made.largest_difference:.1g} on {subject.n_checked} {what}"
        + (", for its encoder is in 8 bits" if loss else ""),
        *([str(loss)] if loss else []),
    )
    return {
        "path": str(path),
        "form": form,
        "n_bytes": len(made.content),
        "largest_difference": made.largest_difference,
        "int8_loss": None if loss is None else loss.to_dict(),
    }
