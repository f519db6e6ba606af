"""`metaadapter ground`: the place of a phrase in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Output
from metaadapter.apps.cli.process import share_one_heap
from metaadapter.data.plain_text import one_line
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.labs.grounding.ground import PhraseGrounder

NUMBERS = ("left", "top", "right", "bottom", "score", "presence")
WITHOUT_TRAINING = (
    "the shipped cross-modal adapter was trained for the encoder tiny, but this adapter has the "
    "encoder {encoder}: the maps show the encoder's own similarities, without training. These "
    "reflect only names, not colours, places or relations"
)


def ground(
    adapter: options.Adapter,
    images: Annotated[
        list[Path] | None,
        Argument(
            metavar="PICTURES",
            help="Pictures, folders (with subfolders), manifests.",
            show_default=False,
        ),
    ] = None,
    *,
    phrase: Annotated[str, Argument(metavar="PHRASE", help="What to find, as in 'the red mug'.")],
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Write each picture with its heat map and box into this folder; for a single "
            "picture a name that ends in .png is a file.",
        ),
        Output(),
    ] = None,
    encoder: options.MovedEncoder = None,
) -> None:
    """Find what a phrase names in pictures.

    The result is a box, a score, a presence and, with --out, a heat map for each picture.

    The encoder of the adapter reads pictures and words. A box is always given. The score is the
    fraction of the heat inside the box. The presence is the estimated probability that the thing
    is there.

    On photographs of one thing the box overlaps the thing by 0.66 (IoU); a blind box in the middle
    by 0.64. It is useful where things are small or several.

    Without a terminal the list is tab-separated: path, left, top, right, bottom (fractions of the
    upright picture), score, presence (empty if the encoder is not tiny).
    """
    if not images:
        raise UsageError(
            f"expected PICTURES and after them a PHRASE, got only {phrase!r} after the adapter; as "
            "in: metaadapter ground ADAPTER PICTURES 'the red mug'"
        )
    share_one_heap()
    console = Console()
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.labs.grounding.ground import read_grounder
    from metaadapter.labs.grounding.tokens import phrase_pieces

    choice = read_encoder(encoder, of_adapter=True, fixed=("precision",))
    phrase_pieces(phrase)  # a phrase without words is refused before the encoder is loaded
    paths, has_boxes = _read_paths(images)
    files = _heat_map_files(out, paths, phrase)
    grounder = read_grounder(adapter, phrase, choice.encoder, choice.device)
    warnings = _warn(console, grounder, has_boxes=has_boxes)
    entries, unreadable = _search(console, grounder, paths, files)
    document = {
        "adapter": str(adapter),
        "encoder": grounder.encoder.name,
        "phrase": phrase,
        "trained": grounder.cross_modal is not None,
        "examples": grounder.examples and grounder.examples.label,
        "found": entries,
        **console.warn_of_pictures("the", (), unreadable),
        "warnings": warnings,
    }
    rows = [
        [entry["path"], *_thousandths(*entry["box"], entry["score"], entry["presence"])]
        for entry in entries
    ]
    console.show_table("ground", document, ("picture", *NUMBERS), rows, right=NUMBERS)
    if out is not None:
        console.note(f"wrote {out}")


def _search(
    console: Console,
    grounder: PhraseGrounder,
    paths: Sequence[Path],
    files: Sequence[Path | None],
) -> tuple[list[dict[str, Any]], list[UnreadableImage]]:
    """Return the JSON form of each picture, and unreadable pictures."""
    from metaadapter.data.inputs import UnreadableImage

    entries: list[dict[str, Any]] = []
    unreadable: list[UnreadableImage] = []
    with console.counting("searching") as show:
        for number, (path, file) in enumerate(zip(paths, files, strict=True), 1):
            try:
                entries.append(_ground(grounder, path, file))
            except UnreadableImage as error:
                unreadable.append(error)
            show(number, len(paths))
    if not entries:
        raise DataError(
            f"none of the {len(paths)} pictures could be read; the first: {unreadable[0]}"
        )
    return entries, unreadable


def _thousandths(*numbers: float | None) -> list[str]:
    return ["" if number is None else f"{number:.3f}" for number in numbers]


def _read_paths(images: list[Path]) -> tuple[list[Path], bool]:
    from metaadapter.data.reader import read_images
    from metaadapter.features.encoded_pictures import is_store

    if stores := [source for source in images if is_store(source)]:
        raise UsageError(
            f"{stores[0]} is a feature store, which does not keep where things are in a picture; "
            "give the pictures themselves"
        )
    rows = [row for source in images for row in read_images(source, labelled=False).rows]
    return list(dict.fromkeys(row.path for row in rows)), any(row.box is not None for row in rows)


def _warn(console: Console, grounder: PhraseGrounder, *, has_boxes: bool) -> list[str]:
    """Print warnings and notes about the pictures, and return the warnings."""
    warnings = []
    if grounder.cross_modal is None:
        warnings.append(WITHOUT_TRAINING.format(encoder=grounder.encoder.name))
    if has_boxes:
        warnings.append("boxes are ignored, because a phrase is searched for in whole pictures")
    console.warn_of("about the pictures:", warnings)
    if grounder.examples is not None:
        console.note(f"the adapter's pictures of {grounder.examples.label} are used as examples")
    elif grounder.has_other_features:
        console.note(
            "the adapter's pictures are not used as examples, because their features come from an "
            "encoder with adapters inside; those of an adapter without --inside are used"
        )
    return warnings


def _ground(grounder: PhraseGrounder, path: Path, file: Path | None) -> dict[str, Any]:
    """Find the phrase in one picture, draw the heat map, and return the JSON form."""
    from metaadapter.data.decode import decode_image
    from metaadapter.data.output_folder import write_errors
    from metaadapter.labs.grounding.ground import overlay, save_heat_map

    picture = decode_image(path)
    grounding = grounder.ground(picture)
    if file is not None:
        with write_errors(f"the heat map {file}"):
            file.parent.mkdir(parents=True, exist_ok=True)
            save_heat_map(file, overlay(picture, grounding), grounder.phrase)
    return {
        "path": str(path),
        "box": [round(side, 4) for side in grounding.box],
        "score": round(grounding.score, 4),
        "presence": None if grounding.presence is None else round(grounding.presence, 4),
        "heat_map": None if file is None else str(file),
    }


def _heat_map_files(out: Path | None, paths: Sequence[Path], phrase: str) -> list[Path | None]:
    """Return the file for each picture; if two pictures share a name, all files get numbers."""
    if out is None:
        return [None] * len(paths)
    from metaadapter.data.walk import PICTURE_SUFFIXES
    from metaadapter.labs.grounding.ground import phrase_of

    suffix = out.suffix.lower()
    is_file = out.is_file() or (suffix in PICTURE_SUFFIXES and not out.is_dir())
    if is_file and len(paths) > 1:
        raise UsageError(
            f"--out {out} is one file, but {len(paths)} pictures need one file each; name a folder"
        )
    if is_file and suffix != ".png":
        raise UsageError(f"heat maps are PNG files, but --out is {out}; name a file ending in .png")
    if is_file:
        files: list[Path] = [out]
    else:
        stems = [path.stem for path in paths]
        # Some file systems ignore case.
        if len({stem.casefold() for stem in stems}) < len(stems):
            stems = [f"{stem}-{number}" for number, stem in enumerate(stems, start=1)]
        files = [out / f"{stem}.png" for stem in stems]
    for file in files:
        if file.exists() and (other := phrase_of(file)) != one_line(phrase):
            content = "no heat map" if other is None else f"the heat map of {other!r}"
            raise UsageError(
                f"--out {out} would replace {file}, which is {content}; name another place"
            )
    return [*files]
