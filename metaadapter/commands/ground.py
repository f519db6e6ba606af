"""`metaadapter ground`: where in pictures a phrase is."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, Option

from metaadapter.commands import options
from metaadapter.commands.console import Console, quarantined_json, write_document
from metaadapter.commands.one_heap import share_one_heap
from metaadapter.errors import DataError, UsageError
from metaadapter.plain_text import in_csv, one_line

if TYPE_CHECKING:
    from PIL import Image

    from metaadapter.grounding import Found

__all__ = ["ground"]

WITHOUT_TRAINING = (
    "the cross-modal adapter that ships was trained with the encoder tiny, and this adapter has "
    "the encoder {encoder}: these are its own similarities, place by place, without training. They "
    "know names alone, no colours, places or relations"
)


def ground(
    adapter: options.Adapter,
    images: Annotated[
        list[Path],
        Argument(metavar="PICTURES", help="Pictures, folders (with all folders in them), lists."),
    ],
    phrase: Annotated[
        str, Argument(metavar="PHRASE", help="What to look for, as in 'the red mug'.")
    ],
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "-o",
            metavar="FILE.png",
            help="Write the picture with its heat map and box here; for several pictures a folder.",
        ),
    ] = None,
    encoder: options.MovedEncoder = None,
    device: options.Device = "auto",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find what a phrase names in pictures.

    A box, a score and, with --out, a heat map.

    The adapter says which encoder reads pictures and words. Without a terminal the list is
    tab-separated: path, left, top, right, bottom (fractions of the upright picture), score.
    """
    share_one_heap()
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import load_adapter
    from metaadapter.features import FrozenEncoder
    from metaadapter.grounding import class_examples, phrase_pieces, shipped_for
    from metaadapter.grounding import ground as find
    from metaadapter.images import UnreadableImage, decode_image, read_images
    from metaadapter.task.queries import load_base_encoder

    phrase_pieces(phrase)  # better told now than after loading
    stored = load_adapter(adapter)
    config = stored.config
    rows = [row for source in images for row in read_images(source, labelled=False).rows]
    paths = list(dict.fromkeys(row.path for row in rows))
    files = _files(out, paths)
    # The network that ships was trained on tokens of the frozen towers.
    loaded = load_base_encoder(adapter, config.origin, config.width, encoder, device, "fp32")
    if not isinstance(loaded, FrozenEncoder):
        raise UsageError(
            f"the encoder {loaded.name} is of your own, and only models of open_clip give tokens "
            "of places and words; make an adapter with one of those, such as tiny"
        )
    cross_modal = shipped_for(loaded)
    # With parts in its towers, the adapter's pictures have features of another encoder.
    comparable = cross_modal is not None and not config.has_towers
    shown = class_examples(stored, loaded, phrase) if comparable else None
    found: list[dict[str, Any]] = []
    unreadable: list[UnreadableImage] = []
    with console.counting("looking") as tell:
        for number, (path, file) in enumerate(zip(paths, files, strict=True), 1):
            tell(number, len(paths))
            try:
                picture = decode_image(path)
            except UnreadableImage as error:
                unreadable.append(error)
                continue
            (each,) = find(loaded, [picture], phrase, cross_modal, shown and shown.vectors)
            if file is not None:
                _draw(picture, each, file)
            found.append(_told(path, each, file))
    if not found:
        raise DataError(
            f"none of the {len(paths)} pictures could be read; the first: {unreadable[0]}"
        )
    warnings = [] if cross_modal else [WITHOUT_TRAINING.format(encoder=loaded.name)]
    if any(row.box is not None for row in rows):
        warnings.append("their boxes are left aside: a phrase is looked for in whole pictures")
    console.warn_of_pictures("the", warnings, unreadable)
    if shown is not None:
        console.note(f"the adapter's pictures of {shown.label} serve as examples")
    if out is not None:
        console.note(f"wrote {out}")
    if json_output:
        document = {
            "adapter": str(adapter),
            "encoder": loaded.name,
            "phrase": phrase,
            "trained": cross_modal is not None,
            "examples": shown and shown.label,
            "found": found,
            "warnings": warnings,
            "quarantined": quarantined_json(unreadable),
        }
        write_document("ground", document)
    else:
        _show(found, console)


def _draw(picture: Image.Image, found: Found, file: Path) -> None:
    from metaadapter.files.atomic_files import replace_file
    from metaadapter.files.own_folder import write_errors
    from metaadapter.grounding import overlay

    with write_errors(f"the heat map {file}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, partial(overlay(picture, found).save, format="PNG"))


def _told(path: Path, found: Found, file: Path | None) -> dict[str, Any]:
    """What is told of one picture."""
    return {
        "path": str(path),
        "box": [round(side, 4) for side in found.box],
        "score": round(found.score, 4),
        "heat_map": None if file is None else str(file),
    }


def _files(out: Path | None, paths: Sequence[Path]) -> list[Path | None]:
    """The file of each picture; where two have one name, all get the numbers of their places."""
    if out is None:
        return [None] * len(paths)
    _require_place(out, len(paths))
    if len(paths) == 1:
        return [out]
    # Some file systems take capitals and small letters for the same.
    differ = len({path.stem.casefold() for path in paths}) == len(paths)
    names = (path.stem + ("" if differ else f"-{place}") for place, path in enumerate(paths, 1))
    return [out / f"{name}.png" for name in names]


def _require_place(out: Path, n_pictures: int) -> None:
    """Check that what `--out` names can be written, before any work is done."""
    if n_pictures > 1 and out.is_file():
        raise UsageError(
            f"{n_pictures} pictures make as many files, and --out {out} is one file; name a folder"
        )
    if n_pictures == 1 and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} should end in .png, for that is what is written")
    if n_pictures == 1 and out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file that ends in .png")


def _show(found: Sequence[Mapping[str, Any]], console: Console) -> None:
    rows = [
        [each["path"], *(f"{side:.3f}" for side in each["box"]), f"{each['score']:.3f}"]
        for each in found
    ]
    if not console.stdout.is_terminal:
        lines = csv.writer(sys.stdout, "excel-tab", lineterminator="\n")
        lines.writerows([in_csv(one_line(cell)) for cell in row] for row in rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("picture", "left", "top", "right", "bottom", "score"):
        justify: Literal["left", "right"] = "left" if title == "picture" else "right"
        table.add_column(title, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.stdout.print(table)
