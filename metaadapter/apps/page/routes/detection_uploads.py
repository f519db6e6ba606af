"""A detector's file that a client uploads: its boxes become pictures of the open project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.detections import Detections, read_detections
from metaadapter.apps.page.changes import DetectedFrame, add_boxes, require_one_label
from metaadapter.apps.page.contents import Contents, Edit, n_pictures
from metaadapter.apps.page.entries import PictureEntry
from metaadapter.apps.page.frame_answers import MIN_CONFIDENCE
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import Editor
from metaadapter.apps.page.routes.forms import MAX_NAME_LENGTH, Reply
from metaadapter.apps.page.routes.uploads import plain_name
from metaadapter.data.boxes.frame_detections import FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.errors import DataError
from metaadapter.files.plain_text import one_line
from metaadapter.files.regular_files import is_regular

READERS = 8
REMEDY = "add the folder that holds the folders of all cameras"


def add_detections(editor: Editor, path: Path, name: str) -> Reply:
    """Give pictures of the project the boxes in a detector's file, which a client has named.

    Frames that have boxes already keep them, since a person may have corrected them. So the same
    file can come again after further pictures. The reply counts frames and their boxes: of animals,
    which are pictures now, and of others; frames that are `missing` have an `example`.
    """
    session = editor.session
    session.read(lambda contents: require_one_label(contents, "A file of boxes"))
    frames, detections = _read(path, name)
    detector = one_line(detections.info.get("detector", ""))[:MAX_NAME_LENGTH]
    matches, whole = session.read(lambda contents: _matches(contents, frames))
    usable = matches.pictures
    new = {file: picture for file, picture in usable.items() if whole[picture].boxes is None}

    def read(file: str, picture: str) -> DetectedFrame | str:
        return _read_frame(
            session.project.pictures.path(picture), frames[file], detections.classified
        )

    with ThreadPoolExecutor(READERS, thread_name_prefix="boxes") as executor:
        read_frames = dict(zip(new, executor.map(read, new, new.values()), strict=True))
    refused = matches.refused | {
        file: reason for file, reason in read_frames.items() if isinstance(reason, str)
    }
    added = {new[file]: one for file, one in read_frames.items() if not isinstance(one, str)}

    def edit(contents: Contents) -> Edit:
        # Another request may have removed a picture, or given it boxes, in the meantime.
        still = {
            picture: frame
            for picture, frame in added.items()
            if picture in contents.pictures and contents.pictures[picture].boxes is None
        }
        changes = add_boxes(contents, still)
        if changes:
            changes += contents.change_settings(detector=detector)
        said = f"Added the boxes of {n_pictures(len(still))}"
        return Edit(said, changes, "added-boxes", {"n": len(still)})

    reply, frames_added = editor.edit(edit), added.values()
    sure = [sum(box.confidence >= MIN_CONFIDENCE for box in frame.others) for frame in frames_added]
    n_animals = [len(frame.animals) for frame in frames_added]
    return {
        "frames": len(added),
        "boxes": sum(n_animals),
        "others": sum(sure),
        "empty": sum(not n + others for n, others in zip(n_animals, sure, strict=True)),
        "known_already": len(usable) - len(new),
        "missing": len(matches.missing),
        "example": matches.missing[0] if matches.missing else "",
        "refused": [{"name": file, "reason": reason} for file, reason in refused.items()],
        **reply,
    }


def _matches(
    contents: Contents, frames: Mapping[str, FrameDetections]
) -> tuple[NameMatches, dict[str, PictureEntry]]:
    """The pictures of the frames in a file, and all whole pictures."""
    whole = {key: entry for key, entry in contents.pictures.items() if entry.crop is None}
    matches = match_names({key: entry.name for key, entry in whole.items()}, frames)
    return matches, whole


def _read(path: Path, name: str) -> tuple[dict[str, FrameDetections], Detections]:
    """The frames in a file by plain name, and what else it says."""
    try:
        detections = read_detections(path)
    except DataError as error:
        sentence = str(error).replace(str(path), name)
        raise Refusal(422, "data", f"{sentence[:1].upper()}{sentence[1:]}.") from error
    return {plain_name(file): frame for file, frame in detections.frames.items()}, detections


def _read_frame(
    path: Path, frame: FrameDetections, classified: Container[str]
) -> DetectedFrame | str:
    """The boxes in a picture, with its time; or the reason why there are none."""
    if not is_regular(path):
        return "its picture is missing; add it again"
    if frame.failure:
        return f"the detector reports: {frame.failure}"
    time, boxes = capture_time(path), frame.above(0.0)
    animals = tuple(
        box for box in boxes if box.category in classified and box.confidence >= MIN_CONFIDENCE
    )
    others = tuple(box for box in boxes if box not in animals)
    return DetectedFrame(animals, others, None if time is None else time.isoformat())


class NameMatches(NamedTuple):
    """The frames of a detector's file, as the project has them."""

    pictures: dict[str, str]
    """Name in the detector's file → the picture."""
    refused: dict[str, str]
    """Name in the detector's file → why no picture can be chosen for it."""
    missing: list[str]
    """Names in the detector's file of which the project has no picture."""


def match_names(names: Mapping[str, str], files: Iterable[str]) -> NameMatches:
    """Match pictures, given as id → name, with the names of frames in a detector's file."""
    by_name, by_end = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for picture, name in names.items():
        by_name[name].append(picture)
        for end in _ends(name):
            by_end[end].append(picture)
    pictures, refused, missing = dict[str, str](), dict[str, str](), list[str]()
    claims = defaultdict[str, list[str]](list)
    for file in files:
        same_end = next((by_name[end] for end in _ends(file) if end in by_name), [])
        candidates = by_name.get(file) or by_end.get(file) or same_end
        if len(candidates) == 1:
            claims[candidates[0]].append(file)
        elif candidates:
            listed = ", ".join(repr(names[picture]) for picture in candidates[:3])
            refused[file] = f"{len(candidates)} pictures may be this frame: {listed}; {REMEDY}"
        else:
            missing.append(file)
    for picture, claiming in claims.items():
        exact = [file for file in claiming if file == names[picture]]
        if len(claiming) == 1 or exact:
            chosen = (exact or claiming)[0]
            pictures[chosen] = picture
            missing += [file for file in claiming if file != chosen]
            continue
        others = ", ".join(map(repr, claiming[:3]))
        for file in claiming:
            refused[file] = (
                f"the file lists {others}, and the picture {names[picture]!r} may be any of them; "
                f"{REMEDY}"
            )
    return NameMatches(pictures, refused, missing)


def _ends(name: str) -> Iterator[str]:
    """A name without its first folders, the longest end first; the whole name is left out."""
    parts = name.split("/")
    for start in range(1, len(parts)):
        yield "/".join(parts[start:])
