"""`metaadapter ground`: where in pictures a phrase is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.apps.cli.ground_shown import FoundList
from metaadapter.apps.cli.one_heap import share_one_heap
from metaadapter.data.plain_text import one_line
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL import Image

    from metaadapter.labs.grounding.ground import Found

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
            metavar="FOLDER",
            help="Write each picture with its heat map and box into this folder; for a single "
            "picture a name that ends in .png is a file.",
        ),
    ] = None,
    encoder: options.MovedEncoder = None,
    device: options.Device = "auto",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find what a phrase names in pictures.

    A box, a score and, with --out, a heat map.

    The adapter says which encoder reads pictures and words. Something is always found: the score
    is the share of all heat that lies in the box, and no probability that the thing is there.

    Without a terminal the list is tab-separated: path, left, top, right, bottom (fractions of the
    upright picture), score.
    """
    share_one_heap()
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import load_adapter
    from metaadapter.data.decode import decode_image
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.data.reader import read_images
    from metaadapter.features.encoded_pictures import is_store
    from metaadapter.features.encoder import FrozenEncoder
    from metaadapter.labs.grounding.class_examples import class_examples
    from metaadapter.labs.grounding.ground import ground as find
    from metaadapter.labs.grounding.phrase_tokens import phrase_pieces
    from metaadapter.labs.grounding.pretrained import shipped_for
    from metaadapter.workflow.queries import load_base_encoder

    phrase_pieces(phrase)  # better told now than after loading
    if stores := [source for source in images if is_store(source)]:
        raise UsageError(
            f"{stores[0]} is a feature store, and what it keeps of a picture does not tell where "
            "a thing is in it: give the pictures"
        )
    stored = load_adapter(adapter)
    config = stored.config
    rows = [row for source in images for row in read_images(source, labelled=False).rows]
    paths = list(dict.fromkeys(row.path for row in rows))
    files = _files(out, paths, phrase)
    # The network that ships was trained on tokens of the frozen towers.
    loaded = load_base_encoder(adapter, config.origin, config.width, encoder, device, "fp32")
    if not isinstance(loaded, FrozenEncoder):
        raise UsageError(
            f"the encoder {loaded.name} is of your own, and only models of open_clip give tokens "
            "of places and words; make an adapter with one of those, such as tiny"
        )
    cross_modal = shipped_for(loaded)
    # With parts in its image tower, the adapter's pictures have features of another encoder.
    comparable = cross_modal is not None and config.inside is None
    shown = class_examples(stored, loaded, phrase) if comparable else None
    warnings = [] if cross_modal else [WITHOUT_TRAINING.format(encoder=loaded.name)]
    if any(row.box is not None for row in rows):
        warnings.append("their boxes are left aside: a phrase is looked for in whole pictures")
    console.warn_of("about the pictures:", warnings)
    if shown is not None:
        console.note(f"the adapter's pictures of {shown.label} serve as examples")
    elif cross_modal is not None and config.inside is not None:
        console.note(
            "the adapter's pictures serve as no examples, as they are features of an encoder with "
            "adapters inside: those of an adapter without --inside do"
        )
    listed = None if json_output else FoundList(console, paths)
    found: list[dict[str, Any]] = []
    unreadable: list[UnreadableImage] = []
    with console.counting("looking", below_results=True) as tell:
        for number, (path, file) in enumerate(zip(paths, files, strict=True), 1):
            try:
                picture = decode_image(path)
            except UnreadableImage as error:
                unreadable.append(error)
            else:
                (each,) = find(loaded, [picture], phrase, cross_modal, shown and shown.vectors)
                if file is not None:
                    _draw(picture, each, file, phrase)
                found.append(_told(path, each, file))
                if listed is not None:
                    listed.add(found[-1])
            tell(number, len(paths))
    if not found:
        raise DataError(
            f"none of the {len(paths)} pictures could be read; the first: {unreadable[0]}"
        )
    console.warn_of_pictures("the", (), unreadable)
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
        print_document("ground", document)


def _draw(picture: Image.Image, found: Found, file: Path, phrase: str) -> None:
    from metaadapter.data.output_folder import write_errors
    from metaadapter.labs.grounding.heat_map_file import save_heat_map
    from metaadapter.labs.grounding.overlay import overlay

    with write_errors(f"the heat map {file}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        save_heat_map(file, overlay(picture, found), phrase)


def _told(path: Path, found: Found, file: Path | None) -> dict[str, Any]:
    """The JSON form of what was found in one picture."""
    return {
        "path": str(path),
        "box": [round(side, 4) for side in found.box],
        "score": round(found.score, 4),
        "heat_map": None if file is None else str(file),
    }


def _files(out: Path | None, paths: Sequence[Path], phrase: str) -> list[Path | None]:
    """The file of each picture; where two have one name, all get the numbers of their places.

    Raises:
        UsageError: `out` is no place for them, or something would be replaced that is no heat map
            of this phrase.
    """
    if out is None:
        return [None] * len(paths)
    from metaadapter.data.folder import PICTURE_SUFFIXES
    from metaadapter.labs.grounding.heat_map_file import phrase_of

    suffix = out.suffix.lower()
    is_file = out.is_file() or (suffix in PICTURE_SUFFIXES and not out.is_dir())
    if is_file and len(paths) > 1:
        raise UsageError(
            f"{len(paths)} pictures make as many files, and --out {out} is one file; name a folder"
        )
    if is_file and suffix != ".png":
        raise UsageError(f"--out {out} should end in .png, for that is what is written")
    if is_file:
        files: list[Path] = [out]
    else:
        stems = [path.stem for path in paths]
        # Some file systems take capitals and small letters for the same.
        if len({stem.casefold() for stem in stems}) < len(stems):
            stems = [f"{stem}-{number}" for number, stem in enumerate(stems, start=1)]
        files = [out / f"{stem}.png" for stem in stems]
    pictures = {path.resolve() for path in paths}
    if replaced := [file for file in files if file.resolve() in pictures]:
        raise UsageError(
            f"--out {out} would replace the picture {replaced[0]} itself; name another place"
        )
    for file in files:
        if file.exists() and (other := phrase_of(file)) != one_line(phrase):
            is_what = "no heat map" if other is None else f"the heat map of {other!r}"
            raise UsageError(
                f"--out {out} would replace {file}, which is {is_what}; name another place"
            )
    return [*files]
