"""`metaadapter doctor --advise PICTURES --label N`: which pictures to label first."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, TypeAlias

from metaadapter.apps.cli.commands.advise import write_page
from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from metaadapter.apps.cli.encoder_choice import EncoderChoice
    from metaadapter.apps.field.worth_labelling import Candidates
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.data.table import ImageRow
    from metaadapter.features.image_encoder import ImageEncoder

# More pictures would take minutes and gigabytes to compare, and change little.
MOST_COMPARED = 4000
# Four empty frames of the same cameras prevent most false alarms; more than a fifth is too many.
MOST_EMPTY, EMPTY_SHARE = 4, 5
COLUMNS = ("path", "label", "box_left", "box_top", "box_width", "box_height", "camera", "probably")
EMPTY = "empty"
SIDE = 320  # pixels of a picture on the page


Chosen: TypeAlias = Sequence[tuple["ImageRow", bool]]
"""The pictures to label, the most helpful first, each with whether it is probably empty."""


def advise_labels(
    source: Path,
    n_label: int,
    console: Console,
    *,
    choice: EncoderChoice,
    detections: Path | None,
    min_confidence: float,
    csv_file: Path | None,
    page_file: Path | None,
) -> None:
    """Choose the pictures to label, print them, and write a table to fill in."""
    from metaadapter.data.capture_time import are_whole_frames

    with console.progress():
        to_label, warnings = _candidates(source, detections, min_confidence)
        boxed = detections is not None
        whole_frames = not boxed and are_whole_frames(to_label.animals, ())
        encoder = choice.load(whole_frames=whole_frames, boxed=boxed)
        chosen, more, unreadable = _choose(to_label, n_label, encoder, choice)
    about = console.warn_of_pictures("the unlabelled", (*warnings, *more), unreadable)
    if page_file is not None:
        write_page(console, page_file, _page(source, chosen, csv_file, encoder.name))
    notes = []
    if csv_file is not None:
        _write(csv_file, chosen)
        pool = [] if detections is None else ["--detections", str(detections)]
        command = ["metaadapter", "adapt", str(csv_file), *pool, "--unlabelled", str(source)]
        notes = [
            f"wrote {csv_file}: fill in its column label, and delete rows that you cannot label",
            f"next: {join(command)} --out ADAPTER",
        ]
    document = {
        "source": source,
        "encoder": encoder.name,
        "chosen": [
            {
                "path": row.path,
                "box": row.box and [*row.box],
                "camera": _cells(row)[-1],
                "probably_empty": probably_empty,
            }
            for row, probably_empty in chosen
        ],
        "csv": csv_file,
        "page": page_file,
        **about,
    }
    console.show_result("to_label", document, *_lines(source, chosen), notes=notes)


def _candidates(
    source: Path,
    detections: Path | None,
    min_confidence: float,
) -> tuple[Candidates, tuple[str, ...]]:
    from metaadapter.apps.field.detections import folders_of, read_detections
    from metaadapter.apps.field.frames import Frame, read_times
    from metaadapter.apps.field.worth_labelling import candidates
    from metaadapter.data.reader import read_images

    table = read_images(source, labelled=False, n_classes=1, min_confidence=min_confidence)
    boxes, warnings = None, table.warnings
    frames = [Frame(row) for row in table.rows]
    if detections is not None:
        boxes = read_detections(detections)
        paths, folders = [row.path for row in table.rows], folders_of([source], table.rows)
        boxes = boxes.matched(paths, folders)
        boxes.require_some(paths, folders)
        warnings += boxes.warnings
        frames = [Frame(row, boxes.of(row.path, folders)) for row in table.rows]
    to_label = candidates(read_times(frames), boxes, min_confidence)
    if to_label.n_unlisted:
        warnings += (
            f"{to_label.n_unlisted} frames are left out, because {detections} does not list them "
            "or the detector could not read them",
        )
    return to_label, warnings


def _choose(
    to_label: Candidates,
    n_label: int,
    encoder: ImageEncoder,
    choice: EncoderChoice,
) -> tuple[Chosen, tuple[str, ...], tuple[UnreadableImage, ...]]:
    """Return the chosen pictures, warnings, and the pictures that cannot be read."""
    import numpy as np

    from metaadapter.apps.advice.representatives import representatives
    from metaadapter.features.encoded_pictures import encode_rows, require_some

    empty = to_label.likely_empty[: min(MOST_EMPTY, n_label // EMPTY_SHARE)]
    rows, warnings = list(to_label.animals), tuple[str, ...]()
    if len(rows) > MOST_COMPARED:
        drawn = np.random.default_rng(0).permutation(len(rows))[:MOST_COMPARED]
        warnings = (f"of {len(rows)} series {MOST_COMPARED} are compared, drawn at random",)
        rows = [rows[number] for number in sorted(drawn.tolist())]
    if not rows:
        raise DataError("no frame has a box of an animal; lower --min-confidence")
    pictures = encode_rows(rows, encoder, views=choice.views or 1, seed=choice.seed)
    require_some(len(rows), pictures.quarantined)
    numbers = representatives(pictures.features, n_label - len(empty))
    chosen = [(pictures.rows[number], False) for number in numbers]
    return [*chosen, *((row, True) for row in empty)], warnings, pictures.quarantined


def _cells(row: ImageRow) -> tuple[object, ...]:
    from metaadapter.apps.field.frames import camera_folder

    sides = ("", "", "", "") if row.box is None else (*row.box,)
    return (str(row.path.absolute()), "", *sides, str(camera_folder(row.path)))


def _write(file: Path, chosen: Chosen) -> None:
    from metaadapter.files.output_folder import write_errors
    from metaadapter.files.table_file import write_table

    rows = [(*_cells(row), EMPTY if empty else "") for row, empty in chosen]
    with write_errors(f"the table {file}", instead="choose another --out"):
        write_table(file, COLUMNS, rows)


def _page(source: Path, chosen: Chosen, csv_file: Path | None, encoder: str) -> str:
    from metaadapter.bench.report.template import render, thumbnail

    cards = [
        {
            "jpeg": thumbnail(row.picture, SIDE),
            "path": str(row.path),
            "probably_empty": probably_empty,
        }
        for row, probably_empty in chosen
    ]
    return render(
        "label_page.html.jinja",
        (),
        source=str(source),
        csv_file=csv_file and str(csv_file),
        cards=cards,
        encoder=encoder,
        version=version("metaadapter"),
    )


def _lines(source: Path, chosen: Chosen) -> list[str]:
    listed = [f"     {row.path}" for row, probably_empty in chosen if not probably_empty]
    empty = [f"     {row.path}" for row, probably_empty in chosen if probably_empty]
    lines = [f"{source}: label these {len(listed)} pictures; the most helpful first:", *listed]
    return [*lines, f"{len(empty)} that are probably empty:", *empty] if empty else lines
