"""Find the pictures that a file of boxes names; the file may come from another machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from metaadapter.data.boxes.frame_detections import FrameDetections
from metaadapter.data.walk import PICTURE_SUFFIXES, subfolders
from metaadapter.errors import DataError
from metaadapter.files.regular_files import is_regular

# Names that are tried to choose a folder.
SAMPLE = 200
# The names of folders of boxes that lie beside the folders of pictures.
BESIDE_PICTURES = ("annotations", "labels")
REMEDY = (
    "name the folder of the pictures: `adapt FILE --pictures FOLDER`, or `predict ADAPTER FOLDER "
    "--detections FILE`"
)
MOST_ROOTS = 100
DEEPEST = 12


def roots_of(source: Path) -> list[Path]:
    """The folders where the pictures of a file or folder of boxes may be: near it, nearest first.

    Roboflow's pictures are beside the file, COCO's beside its folder `annotations`, VOC's in
    JPEGImages, CVAT's in images/default.
    """
    near = source if source.is_dir() else source.absolute().parent
    outer = [near.parent] if near.name.lower() in BESIDE_PICTURES else []
    roots = list[Path]()
    for folder in (near, *outer):
        inner = subfolders(folder)
        deeper = [path for one in inner[:MOST_ROOTS] for path in subfolders(one)]
        # The pictures of instances_val.json are in images/val.
        inner.sort(key=lambda path: path.name not in source.stem)
        deeper.sort(key=lambda path: path.name not in source.stem)
        roots += [folder, *inner, *deeper]
    return [*dict.fromkeys(roots)][:MOST_ROOTS]


def find_pictures(
    frames: Sequence[FrameDetections], roots: Sequence[Path], source: Path, *, is_given: bool
) -> list[Path | None]:
    """Return the path of each picture, `None` for a missing one.

    The names may have outer folders that are not here; the same number of them is left out of each
    name. A path never leads out of its root. A `DataError` if no picture exists, or if one file
    would be two pictures.
    """
    if not frames:
        raise DataError(f"{source} lists no pictures")
    step = max(1, len(frames) // SAMPLE)
    sample = frames[::step]
    best, most = (roots[0], 0), 0
    for root in roots:
        for n_left_out in range(DEEPEST):
            if not any(len(parts_of(frame.file)) > n_left_out for frame in sample):
                break
            n = sum(_path(frame, root, n_left_out) is not None for frame in sample)
            if n > most:
                best, most = (root, n_left_out), n
        if most == len(sample):
            break
    paths = [_path(frame, *best) for frame in frames]
    if not any(paths):
        looked = f"in {roots[0]}" if is_given else f"in folders near {source}"
        raise DataError(
            f"none of the {len(frames)} pictures named in {source} exists: {frames[0].file!r} was "
            f"looked for {looked}; {REMEDY}"
        )
    _require_different(frames, paths, source)
    return paths


def _path(frame: FrameDetections, root: Path, n_left_out: int) -> Path | None:
    for name in frame.names:
        for path in _with_endings(root.joinpath(*parts_of(name)[n_left_out:])):
            if path != root and is_regular(path):
                return path
    return None


def _with_endings(path: Path) -> Iterator[Path]:
    yield path
    if path.name and not path.suffix:
        for ending in PICTURE_SUFFIXES:
            yield path.with_suffix(ending)
            yield path.with_suffix(ending.upper())


def parts_of(name: str) -> list[str]:
    """The folders and the name of a picture, without a drive, and nothing before `..`."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    return parts[1:] if parts and parts[0].endswith(":") else parts


def _require_different(
    frames: Sequence[FrameDetections], paths: Iterable[Path | None], source: Path
) -> None:
    names: dict[Path, str] = {}
    for frame, path in zip(frames, paths, strict=True):
        if path is not None and names.setdefault(path, frame.file) != frame.file:
            raise DataError(
                f"{source} lists {names[path]!r} and {frame.file!r}, and both would be {path}; "
                f"{REMEDY}, so that it has both"
            )
