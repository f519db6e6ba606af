"""`metaadapter export`: an adapter for programs without this library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, quarantined_json, write_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.export.exporting import Exported, Subject


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
            help="The encoder of the ONNX file in 8 bits: a third of the bytes. Needs --pixels, "
            "and --pictures that the adapter was made of, on which the loss is measured.",
        ),
    ] = False,
    web: Annotated[
        Path | None,
        Option(
            "--web",
            metavar="FOLDER",
            help="Write a page that labels pictures in the browser, for any web host; with "
            "--pixels. Needs --runtime.",
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        Option(metavar="FOLDER", help="The unpacked npm package onnxruntime-web, for --web."),
    ] = None,
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
    """Write an adapter as a file for other programs.

    The forms are ONNX, a program of torch.export, and a page for the browser. What answers
    otherwise than this program, by more than 0.0001 in any probability, is not written;
    --int8 answers a little otherwise, and tells how much.
    """
    if onnx is None and torch is None and web is None:
        raise UsageError("nothing to write: give --onnx FILE, --torch FILE or --web FOLDER")
    if (web is None) != (runtime is None):
        raise UsageError(
            "--web FOLDER and --runtime PACKAGE go together: the page runs on the npm package "
            "onnxruntime-web, which `npm pack onnxruntime-web` fetches and tar unpacks"
        )
    pixels = pixels or web is not None
    if int8 and not (pixels and (onnx or web) and pictures):
        raise UsageError(
            "--int8 puts the encoder of an ONNX file in 8 bits, and measures what that loses on "
            "pictures that the adapter was made of: it needs --onnx or --web, --pixels, and "
            "--pictures"
        )
    if pictures and not pixels:
        raise UsageError("--pictures checks what takes pictures, which needs --pixels")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import load_adapter
    from metaadapter.apps.export.check_pictures import check_pictures
    from metaadapter.apps.export.exporting import (
        Subject,
        exported_int8,
        exported_onnx,
        exported_torch,
    )
    from metaadapter.apps.export.onnx_packages import require_onnx
    from metaadapter.apps.export.web_page import require_runtime, require_web_folder, write_web_page
    from metaadapter.workflow.queries import load_adapter_encoder

    for path in (onnx, torch):
        if path is not None:
            _require_place(path)
    if runtime is not None and web is not None:
        require_runtime(runtime)
        require_web_folder(web)
    if onnx is not None or web is not None:
        require_onnx()
    stored = load_adapter(adapter)
    if stored.config.inside is not None and not pixels:
        raise UsageError(
            f"the adapter {adapter} has parts of its own in the encoder's towers, so features of "
            "the encoder are not what it answers from: export both together, with --pixels"
        )
    if pixels:
        network = load_adapter_encoder(adapter, stored, encoder, "cpu", "fp32")
        with console.progress() as progress:
            read = partial(check_pictures, pictures or (), network, stored.picture_hashes, progress)
            subject = Subject.with_encoder(stored, network, read)
    else:
        subject = Subject.alone(stored)
    written: list[dict[str, Any]] = []

    def wrote(path: Path, form: str, made: Exported, n_bytes: int) -> None:
        written.append({"path": str(path), "form": form, "n_bytes": n_bytes, **made.to_dict()})
        if not json_output:
            console.result(*_told(path, n_bytes, made, subject))

    if onnx is not None or web is not None:
        make = partial(exported_int8, adapter=adapter) if int8 else exported_onnx
        made = _made(make, subject, console, [path for path in (onnx, web) if path])
        if onnx is not None:
            wrote(onnx, "onnx", made, _write(onnx, made))
        if web is not None and runtime is not None:
            wrote(web, "web", made, write_web_page(web, made.content, made.facts, runtime))
    if torch is not None:
        made = _made(exported_torch, subject, console, [torch])
        wrote(torch, "torch", made, _write(torch, made))
    warnings = subject.pictures.warnings if subject.pictures else ()
    unreadable = subject.pictures.quarantined if subject.pictures else ()
    console.warn_of_pictures("these", warnings, unreadable)
    if web is not None:
        console.note(f"to look at it: python -m http.server --bind 127.0.0.1 --directory {web}")
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


def _made(
    make: Callable[..., Exported], subject: Subject, console: Console, places: Sequence[Path]
) -> Exported:
    """Make and check the files that go to these places, and say how far the check is."""
    owner = " and ".join(map(str, places))
    console.note(
        f"making {owner} and asking it what this program answers; this takes some seconds, "
        "with --int8 and hundreds of labelled pictures some minutes"
    )
    with console.counting("checking") as count:
        return make(subject, lambda done: count(done, subject.n_cases), owner=owner)


def _write(path: Path, made: Exported) -> int:
    """Write a file; the bytes that it has."""
    from metaadapter.data.atomic_files import replace_file
    from metaadapter.data.own_folder import write_errors

    with write_errors(str(path), instead="write to another place"):
        replace_file(path, made.content)
    return len(made.content)


def _told(path: Path, n_bytes: int, made: Exported, subject: Subject) -> list[str]:
    what = {"features": "rows of features", "pictures": "pictures"}[subject.takes]
    of_int8 = ", for its encoder is in 8 bits" if made.is_int8 else ""
    lines = [
        f"{path}: {n_bytes:,} bytes; its probabilities differ from those of this program by at "
        f"most {made.largest_difference:.1g} on {subject.n_checked} {what}{of_int8}"
    ]
    if made.is_int8:
        lines.append(
            str(made.int8_loss or "each picture is alone in its class: no loss to measure")
        )
    return lines
