"""Write a format that has one file a picture: into a folder of its own, and never outside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from metaadapter.data.boxes.listing import Listing
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.output_folder import require_own_or_empty
from metaadapter.files.regular_files import is_regular

MARK, SCHEMA = "metaadapter.json", "metaadapter.boxes/1"
REMEDY = "remove the folder, or choose another --export"


def require_place(folder: Path) -> None:
    """Raise a `DataError` unless a folder is new, empty or has boxes of an earlier run."""
    if folder.is_dir():
        require_own_or_empty(folder, [MARK], "boxes", instead="choose another --export")


def write_files(folder: Path, files: Mapping[str, bytes], listing: Listing) -> None:
    """Write files by their names in a folder, and remove those of an earlier run.

    A name that leads out of the folder is a `ValueError`.
    """
    places = {inside(folder, name): content for name, content in files.items()}
    require_place(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marked = is_regular(folder / MARK)
    before = read_document(folder / MARK, SCHEMA, REMEDY)[0]["files"] if marked else []
    # The mark comes first, so that the next run may replace what an interrupted one has left.
    mark = {"schema": SCHEMA, "format": listing.format, "files": sorted({*files, *before})}
    write_document(folder / MARK, mark)
    for name in {*before} - {*files}:
        inside(folder, name).unlink(missing_ok=True)
    for place, content in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    write_document(folder / MARK, mark | {"files": sorted(files)})


def inside(folder: Path, name: str) -> Path:
    """The place of a name in a folder; a `ValueError` if it leads out of the folder."""
    path = PurePosixPath(name)
    place = folder / path
    real = folder.resolve()
    if path.is_absolute() or ".." in path.parts or not place.resolve().is_relative_to(real):
        raise ValueError(f"{name!r} leads out of the folder {folder}")
    return place
