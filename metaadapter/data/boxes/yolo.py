"""YOLO's folders of text files: https://docs.ultralytics.com/datasets/detect/.

A line is `class x y width height[ confidence]`, with the middle and the sides of the box in
fractions; `class x y x y x y …[ confidence]` for a polygon, or the corners of a rotated box; and in
a data set of poses `class x y width height` before the key points. The names of the classes are in
`data.yaml` (Ultralytics) or `classes.txt` (Label Studio).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing, around, plain
from metaadapter.data.boxes.written_files import write_files
from metaadapter.data.crop import Box
from metaadapter.data.walk import is_picture, walk
from metaadapter.files.regular_files import is_regular, regular
from metaadapter.files.url import Url

SPLITS = ("train", "val", "test")
LABELS, NAMES, USUAL = "labels", "classes.txt", ("data.yaml", "data.yml", "dataset.yaml")
MOST_BYTES = 2**20  # of a file of names; a thousand names take 20 kB


def is_yolo(content: object) -> bool:
    """Return whether a content is a folder of this format, or the YAML file of one."""
    if not isinstance(content, Path):
        return False
    return not content.is_dir() or _names_of(content) is not None


def _names_of(folder: Path) -> Path | None:
    """The file with the names of the classes in a folder of this format; `None` in another one."""
    # A class may be called "labels", too; its folder has pictures.
    labels = folder / LABELS
    has_labels = labels.is_dir() and any(file.suffix == ".txt" for file in walk(labels))
    # The whole list of a folder in a bucket may take minutes.
    named = [folder / name for name in USUAL] if isinstance(folder, Url) else folder.glob("*.y*ml")
    for file in sorted(named):
        if is_regular(file) and _is(file, has_labels=has_labels):
            return file
    return folder / NAMES if has_labels and is_regular(folder / NAMES) else None


def read_yolo(source: Path) -> Listing:
    """Read a folder, or that of a YAML file; other content is a `ValueError` that names a file."""
    names = (_names_of(source) if source.is_dir() else None) or source
    folder = names.parent
    facts = _facts(names)
    categories = _categories(facts.get("names"))
    is_pose = "kpt_shape" in facts
    frames = []
    for split, name, labels in _pictures(folder, facts):
        try:
            text = regular(labels).read_text(encoding="utf-8-sig") if labels.is_file() else ""
            boxes = [_detection(line, categories, is_pose=is_pose) for line in text.splitlines()]
        except ValueError as error:
            raise ValueError(f"{labels.relative_to(folder)} is wrong: {error}") from error
        # `images` may be a link to the folder that a command is given.
        inner = name.removeprefix("images/")
        kept = tuple(filter(None, boxes))
        frames.append(FrameDetections(name, kept, split=split, other_file=inner))
    if not frames:
        raise ValueError(
            f"{folder} has neither pictures with labels nor labels; labels/train/1.txt is the file "
            "of images/train/1.jpg"
        )
    return Listing("YOLO", categories, frames)


def write_yolo(listing: Listing, folder: Path) -> None:
    """Write `labels`, `data.yaml` and a list of the pictures, which are expected in `images`.

    Ultralytics refuses labels with confidences, so these are left out. Pictures of the same name
    with different endings, or in an inner folder `images`, are a `ValueError`.
    """
    categories = dict(enumerate(listing.categories.values()))
    numbers = {name: number for number, name in categories.items()}
    files, pictures = dict[str, bytes](), list[str]()
    for frame in listing.frames:
        inner = PurePosixPath(frame.file.removeprefix("images/"))
        place = f"labels/{inner.with_suffix('')}.txt"
        if place in files:
            raise ValueError(f"two pictures named {inner.with_suffix('')} would share a file")
        if _labels_of(f"images/{inner}") != PurePosixPath(place):
            raise ValueError(
                f"Ultralytics looks for the labels of {str(inner)!r} beside its folder `images`; "
                "write the pictures of each such folder by themselves"
            )
        lines = [_line(box, numbers) for box in frame.detections]
        files[place] = "".join(f"{line}\n" for line in lines).encode()
        pictures.append(f"./images/{inner}\n")
    # A list, because Ultralytics would follow a link to a folder, and look for labels there.
    files["train.txt"] = "".join(pictures).encode()
    # Without `path`, Ultralytics takes this folder.
    facts = {"train": "train.txt", "val": "train.txt", "names": categories}
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)
    write_files(folder, {**files, "data.yaml": text.encode()}, listing)


def _is(file: Path, *, has_labels: bool) -> bool:
    try:
        facts = _facts(file)
        return "names" in facts and (has_labels or any(split in facts for split in SPLITS))
    except (OSError, ValueError):
        return False


def _facts(names: Path) -> Mapping[str, Any]:
    if names.stat().st_size > MOST_BYTES:
        raise ValueError(f"{names.name} is larger than {MOST_BYTES} bytes")
    text = regular(names).read_text(encoding="utf-8-sig")
    if names.suffix not in (".yaml", ".yml"):
        return {"names": [line.strip() for line in text.splitlines() if line.strip()]}
    try:
        # Aliases make a small file exponentially large.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError(f"{names.name} has YAML aliases (*name), which are not read")
        facts = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{names.name} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{names.name} has no names of classes (names: …)")
    return facts


def _categories(names: object) -> dict[str, str]:
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(pairs, dict) or not pairs:
        raise ValueError("expected names of classes, as a list or as number: name")
    return {str(number): str(name) for number, name in pairs.items()}


def _pictures(folder: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str | None, str, Path]]:
    """Yield the split, the name and the file of labels of each picture.

    Without pictures, such as after `yolo predict`, every file of labels stands for a picture, whose
    name then has no ending.
    """
    pictures = dict[str, str | None]()
    for split in SPLITS:
        given = facts.get(split)
        for place in given if isinstance(given, list) else [given] if given else []:
            for name in _listed(folder, str(place)):
                pictures.setdefault(name, split)
    if not pictures and (images := folder / "images").is_dir():
        files = filter(is_picture, walk(images))
        pictures = {file.relative_to(folder).as_posix(): None for file in files}
    for name, of_split in pictures.items():
        yield of_split, name, folder / _labels_of(name)
    if not pictures and (labels := folder / LABELS).is_dir():
        for file in walk(labels):
            if file.suffix == ".txt":
                yield None, file.relative_to(labels).with_suffix("").as_posix(), file


def _listed(folder: Path, place: str) -> Iterator[str]:
    """The names, relative to `folder`, of the pictures of a split: a folder or a list of names.

    Roboflow's `../train/images` means a folder beside `data.yaml`. Nothing outside is read.
    """
    parts = [part for part in PurePosixPath(place.replace("\\", "/")).parts if part != ".."]
    for start in range(len(parts)):
        inner_place = folder.joinpath(*parts[start:])
        if inner_place.resolve().is_relative_to(folder.resolve()) and inner_place != folder:
            if inner_place.is_dir():
                for file in filter(is_picture, walk(inner_place)):
                    yield file.relative_to(folder).as_posix()
                return
            if inner_place.suffix == ".txt" and is_regular(inner_place):
                for line in inner_place.read_text(encoding="utf-8-sig").splitlines():
                    inner = [part for part in PurePosixPath(line.strip()).parts if part != ".."]
                    if "images" in inner:
                        inner = inner[inner.index("images") :]
                    if inner:
                        yield "/".join(inner).lstrip("/")
                return


def _labels_of(name: str) -> PurePosixPath:
    """`labels/a/1.txt` for `images/a/1.jpg`, as Ultralytics finds it."""
    parts = [*PurePosixPath(name).with_suffix(".txt").parts]
    if "images" in parts[:-1]:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return PurePosixPath(*parts)


def _detection(line: str, names: Mapping[str, str], *, is_pose: bool) -> Detection | None:
    words = line.split()
    if not words:
        return None
    number, *sides = map(float, words)
    if not all(map(math.isfinite, (number, *sides))):
        raise ValueError(f"{line[:80]!r} has an infinite number")
    if not number.is_integer() or str(int(number)) not in names:
        raise ValueError(f"the class {words[0]} has no name; the classes are {', '.join(names)}")
    confidence = 1.0
    if is_pose:
        sides = sides[:4]
    elif len(sides) >= 5 and len(sides) % 2:
        confidence = sides.pop()
    if len(sides) == 4:
        x, y, width, height = sides
        box = Box(plain(x - width / 2), plain(y - height / 2), width, height)
    elif len(sides) >= 6:
        box = around(zip(sides[::2], sides[1::2], strict=True))
    else:
        expected = "expected class x y width height, or class x y x y x y …"
        raise ValueError(f"{expected}, got {line[:80]!r}")
    if not 0 <= confidence <= 1.001:
        raise ValueError(f"a confidence is from 0 to 1, not {confidence}")
    return Detection(names[str(int(number))], confidence, box)


def _line(detection: Detection, numbers: Mapping[str, int]) -> str:
    left, top, width, height = detection.box
    sides = [plain(left + width / 2), plain(top + height / 2), width, height]
    return " ".join(map(str, [numbers[detection.category], *sides]))
