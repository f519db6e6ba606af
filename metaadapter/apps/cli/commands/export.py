"""`metaadapter export`: write an adapter as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.command_guard import Excludes, Output, require_replaceable
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.export.exporting import ExportModel, WrittenFile
    from metaadapter.apps.export.targets import ExportTargets

OF_EXPORT = rb"metaadapter\.exported/"
EXPORTED = Output(OF_EXPORT)
OnnxFile = Annotated[
    Path | None,
    Option("--onnx", metavar="FILE", help="Write an ONNX file, for onnxruntime and others."),
    EXPORTED,
]
TfliteFile = Annotated[
    Path | None,
    Option(
        "--tflite",
        metavar="FILE",
        help="Write a TFLite file, for phones and small devices; includes --pixels, and takes one "
        "square picture of a fixed size at a time.",
    ),
    EXPORTED,
]
FrigateFolder = Annotated[
    Path | None,
    Option(
        "--frigate",
        metavar="FOLDER",
        help="Write model.tflite and labelmap.txt for Frigate, to model_cache/NAME in its "
        "configuration; needs what --tflite needs.",
    ),
    Output(),
    Excludes(("--tflite",)),
]
Pixels = Annotated[
    bool,
    Option(
        "--pixels",
        help="Include the encoder, so that the input is a decoded picture and not its features.",
    ),
]
Int8 = Annotated[
    bool,
    Option(
        "--int8",
        help="Write the encoder of the ONNX file in 8 bits, which takes a third of the space. "
        "Needs --pixels, and --pictures that you adapted from, to measure the lost accuracy.",
    ),
]
WebFolder = Annotated[
    Path | None,
    Option(
        "--web",
        metavar="FOLDER",
        help="Write a page that labels pictures in the browser, for any web host; includes "
        "--pixels.",
    ),
    Output(),
]
CheckPictures = Annotated[
    list[Path] | None,
    Option(
        metavar="IMAGES",
        help="Check the file with these pictures: a folder, a manifest or a picture. Repeatable.",
        show_default="photographs of the package",
    ),
]


def export(
    adapter: options.Adapter,
    onnx: OnnxFile = None,
    tflite: TfliteFile = None,
    frigate: FrigateFolder = None,
    pixels: Pixels = False,
    int8: Int8 = False,
    web: WebFolder = None,
    pictures: CheckPictures = None,
    encoder: Annotated[
        str | None, Option(metavar="NAME", help="New place of the adapter's encoder.")
    ] = None,
) -> None:
    """Write an adapter for other programs.

    The forms are ONNX, TFLite, and a page for the browser.
    Its file is written only if it answers as this program does, with no probability off by more
    than 0.005. With --int8 they may differ more, and the result says by how much.
    """
    console = Console()
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.export.exporting import write_exports
    from metaadapter.apps.export.targets import FRIGATE_FILE, ExportTargets

    if frigate is not None:
        tflite = frigate / FRIGATE_FILE
        require_replaceable("--frigate", tflite, OF_EXPORT)
    targets = ExportTargets(onnx, tflite, web, frigate is not None)
    pixels = pixels or targets.needs_pixels
    _require_consistent(targets, pixels=pixels, int8=int8, pictures=pictures)
    targets.require_writable()
    place = read_encoder(encoder, only={"encoder"}).encoder
    model = _read_model(adapter, console, pixels=pixels, pictures=pictures or (), encoder=place)
    checking = partial(_checking, console)
    files = []
    for file in write_exports(model, targets, checking, int8_of=adapter if int8 else None):
        files.append(file.to_dict())
        if not console.json_output:  # now, in case a later form cannot be written
            console.result(*_lines(file, model))
    warnings = model.pictures.warnings if model.pictures else ()
    unreadable = model.pictures.quarantined if model.pictures else ()
    document = {
        "adapter": adapter,
        "input": model.takes,
        "outputs": model.module.outputs,
        "classes": [str(label) for label in model.stored.config.classes],
        "n_checked": model.n_checked,
        "files": files,
        **console.warn_of_pictures("these", warnings, unreadable),
    }
    if web is not None:
        console.note(f"to view the page: python -m http.server --bind 127.0.0.1 --directory {web}")
    if console.json_output:
        print_document("export", document)


def _require_consistent(
    targets: ExportTargets, *, pixels: bool, int8: bool, pictures: Sequence[Path] | None
) -> None:
    if not targets.paths:
        raise UsageError(
            "nothing to write: give --onnx or --tflite FILE, --frigate or --web FOLDER"
        )
    if int8 and not (pixels and targets.of_onnx and pictures):
        raise UsageError(
            "--int8 writes the encoder of an ONNX file in 8 bits, and measures the loss on "
            "pictures that you adapted from: it needs --onnx or --web, --pixels, and --pictures"
        )
    if pictures and not pixels:
        raise UsageError("--pictures checks a file whose input is pictures; add --pixels")


def _read_model(
    adapter: Path,
    console: Console,
    *,
    pixels: bool,
    pictures: Sequence[Path],
    encoder: str | None,
) -> ExportModel:
    from metaadapter.adapter.files import load_adapter
    from metaadapter.apps.export.checks import check_pictures
    from metaadapter.apps.export.exporting import ExportModel
    from metaadapter.workflow.prediction.queries import load_adapter_encoder

    stored = load_adapter(adapter, several=True)
    if not pixels:
        if stored.config.inside is not None:
            raise UsageError(
                f"the adapter {adapter} has weights inside the encoder's towers, so the features "
                "of the plain encoder do not fit it: export both together, with --pixels"
            )
        return ExportModel.alone(stored)
    network = load_adapter_encoder(adapter, stored, encoder, "cpu", "fp32")
    with console.progress():
        read = partial(check_pictures, pictures, network, stored.picture_hashes)
        return ExportModel.with_encoder(stored, network, read)


@contextmanager
def _checking(
    console: Console, paths: Sequence[Path], n_cases: int
) -> Iterator[Callable[[int], object]]:
    console.note(
        f"making {' and '.join(map(str, paths))} and checking it against this program; this takes "
        "some seconds, or some minutes with --int8 and hundreds of labelled pictures"
    )
    with console.counting("checking") as count:
        yield lambda n_done: count(n_done, n_cases)


def _lines(file: WrittenFile, model: ExportModel) -> list[str]:
    exported = file.exported
    is_int8, difference = exported.facts["int8"], exported.facts["largest_difference"]
    inputs = {"features": "rows of features", "pictures": "pictures"}[model.takes]
    because = ", because its encoder is in 8 bits" if is_int8 else ""
    lines = [
        f"{file.path}: {file.n_bytes:,} bytes; its probabilities differ from those of this program "
        f"by at most {difference:.1g} on {model.n_checked} {inputs}{because}"
    ]
    if is_int8:
        lines.append(
            str(exported.int8_loss or "no loss to measure: each picture is alone in its class")
        )
    if exported.same is not None:
        lines.append(
            f"as Frigate squashes them, {exported.same} of the pictures have the answer that "
            "`predict` gives the whole picture"
        )
    return lines
