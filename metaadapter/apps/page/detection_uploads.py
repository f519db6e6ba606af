"""A detector's file that a client uploads: its boxes become pictures of the open project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.detections import read_detections
from metaadapter.apps.page.changes import DetectedFrame, add_boxes, require_one_label
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.dependencies import Editor
from metaadapter.apps.page.entries import ONLY, DetectionsEntry
from metaadapter.apps.page.forms import MAX_NAME_LENGTH, RefusedFile, Revised
from metaadapter.apps.page.frame_answers import MIN_CONFIDENCE
from metaadapter.apps.page.picture_folder import id_of
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.uploads import n_pictures, plain_name
from metaadapter.data.boxes.frame_detections import FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.data.checksums import file_hash
from metaadapter.data.output_folder import replace_file, write_errors
from metaadapter.data.plain_text import one_line
from metaadapter.errors import DataError

READERS = 8
REMEDY = "add the folder that holds the folders of all cameras"


class BoxesAdded(Revised):
    """The result of a detector's file."""

    frames: int
    """Frames that got their boxes."""
    boxes: int
    """Boxes of animals, which are pictures now."""
    others: int
    """Boxes of people and vehicles."""
    empty: int
    """Frames without a box that the detector is sure of."""
    known_already: int
    """Frames that keep the boxes that they had."""
    missing: int
    """Frames in the file that the project does not have."""
    refused: list[RefusedFile]


class _Listed(NamedTuple):
    """The frames in a detector's file by plain name, and what is said about them."""

    name: str
    frames: Mapping[str, FrameDetections]
    classified: Container[str]
    """The categories whose boxes become pictures."""
    detector: str


def add_detections(editor: Editor, path: Path, name: str) -> BoxesAdded:
    """Give pictures of the project the boxes in a detector's file, which a client has named.

    Frames that have boxes already keep them, since a person may have corrected them. Frames whose
    pictures are not here wait for them: the project keeps the file.
    """
    editor.session.read(lambda contents: require_one_label(contents, "A file of boxes"))
    listed = _read(path, name)
    folder, key = editor.session.project.detections, id_of(file_hash(path))
    with write_errors("the detector's file", instead="free some space"):
        replace_file(folder / key, path.read_bytes())
    report = _join(editor, key, listed)
    if key not in editor.session.read(lambda contents: contents.kept("detections")):
        (folder / key).unlink(missing_ok=True)
    return report


def join_waiting(editor: Editor, pictures: Container[str] | None = None) -> BoxesAdded:
    """Give pictures the boxes that have waited for them: all pictures, or only these new ones."""
    session = editor.session
    # One key names one edit: the joins of a request that is sent again add nothing anyway.
    editor = Editor(session, editor.origin.model_copy(update={"key": ""}))
    reports = []
    try:
        for key, entry in session.read(_waiting).items():
            path = session.project.detections / key
            if not path.is_file() or id_of(file_hash(path)) != key:
                sentence = f"The copy of {entry.file} is missing or damaged. Give the file again."
                raise Refusal(422, "data", sentence)
            reports.append(_join(editor, key, _read(path, entry.file), pictures))
    finally:
        session.resume()
    counts = ("frames", "boxes", "others", "empty", "known_already", "missing")
    return BoxesAdded(
        **{count: sum(getattr(report, count) for report in reports) for count in counts},
        refused=[refused for report in reports for refused in report.refused],
        revision=session.revision,
    )


def _waiting(contents: Contents) -> dict[str, DetectionsEntry]:
    # With several labels a picture there are no boxes.
    return {} if contents.several else dict(contents.waiting)


def forget_detections(editor: Editor, key: str) -> Revised:
    """Let no frame of a detector's file wait any longer."""

    def edit(contents: Contents) -> Edit:
        entry = contents.waiting.get(key)
        if entry is None:
            return Edit("", ())
        changes = contents.changes("detections", {key: None})
        said = f"Forgot the boxes in {entry.file}"
        return Edit(said, changes, "forgot-detections", {"name": entry.file})

    return editor.edit(edit)


def _join(
    editor: Editor, key: str, listed: _Listed, only: Container[str] | None = None
) -> BoxesAdded:
    """Give pictures, or only some, the boxes in a file, and let the rest of its frames wait."""
    session, frames = editor.session, listed.frames
    seen, latest = dict[str, DetectedFrame | str](), list[_Joined]()

    def read(file: str, picture: str) -> DetectedFrame | str:
        path = session.project.pictures.path(picture)
        return _read_frame(path, frames[file], listed.classified)

    new = session.read(lambda contents: _match(contents, frames, only)).new
    with ThreadPoolExecutor(READERS, thread_name_prefix="boxes") as executor:
        seen.update(zip(new.values(), executor.map(read, new, new.values()), strict=True))

    def joined(contents: Contents) -> _Joined:
        match = _match(contents, frames, only)
        for file, picture in match.new.items():
            # Another request may have added the picture in the meantime.
            frame = seen.get(picture) or read(file, picture)
            if isinstance(frame, str):
                match.refused[file] = frame
            else:
                match.added[picture] = frame
        return match

    def edit(contents: Contents) -> Edit:
        latest.append(match := joined(contents))
        settings = contents.settings.model_copy(update={"detector": listed.detector})
        is_same = settings == contents.settings or not match.added
        entry = None
        if match.missing:
            n, example = len(match.missing), match.missing[0]
            entry = DetectionsEntry(file=listed.name, missing=n, example=example)
        waits = {} if contents.waiting.get(key) == entry else {key: entry}
        changes = (
            *add_boxes(contents, match.added),
            *contents.changes("settings", {} if is_same else {ONLY: settings}),
            *contents.changes("detections", waits),
        )
        if n := len(match.added):
            return Edit(f"Added the boxes of {n_pictures(n)}", changes, "added-boxes", {"n": n})
        name = listed.name
        return Edit(f"Kept the boxes in {name}", changes, "kept-detections", {"name": name})

    revision = editor.edit(edit).revision
    return _report(latest[-1] if latest else session.read(joined), revision)


@dataclass
class _Joined:
    """The frames of a detector's file, as the project has them now."""

    new: dict[str, str]
    """Name in the file → the picture, which has no boxes yet."""
    n_known: int
    """Frames whose pictures have boxes."""
    missing: list[str]
    """Names in the file whose pictures have not come yet."""
    refused: dict[str, str]
    """Name in the file → why its picture gets no boxes."""
    added: dict[str, DetectedFrame] = field(default_factory=dict)
    """Picture → its new boxes."""


def _match(
    contents: Contents, frames: Mapping[str, FrameDetections], only: Container[str] | None
) -> _Joined:
    """Match the frames with pictures; with `only`, leave out what concerns other pictures."""
    whole = {key: entry for key, entry in contents.pictures.items() if entry.crop is None}
    names = {key: entry.name for key, entry in whole.items()}
    pictures, refused, missing = match_names(names, frames)
    if only is not None:
        before = {key: name for key, name in names.items() if key not in only}
        known = match_names(before, frames).refused
        refused = {file: reason for file, reason in refused.items() if file not in known}
        pictures = {file: picture for file, picture in pictures.items() if picture in only}
    for file in pictures:
        if frames[file].failure:
            refused[file] = f"the detector reports: {frames[file].failure}"
    usable = {file: picture for file, picture in pictures.items() if file not in refused}
    new = {file: picture for file, picture in usable.items() if whole[picture].boxes is None}
    return _Joined(new, len(usable) - len(new), missing, refused)


def _read(path: Path, name: str) -> _Listed:
    try:
        detections = read_detections(path)
    except DataError as error:
        sentence = str(error).replace(str(path), name)
        raise Refusal(422, "data", f"{sentence[:1].upper()}{sentence[1:]}.") from error
    frames = {plain_name(file): frame for file, frame in detections.frames.items()}
    detector = one_line(detections.info.get("detector", ""))[:MAX_NAME_LENGTH]
    return _Listed(name, frames, detections.classified, detector)


def _read_frame(
    path: Path, frame: FrameDetections, classified: Container[str]
) -> DetectedFrame | str:
    """The boxes in a picture, with its hash and time; or the reason why there are none."""
    try:
        sha256 = file_hash(path)
    except OSError:
        return "its picture is missing; add it again"
    frame = frame.of_picture(path)
    if frame.failure:
        return frame.failure
    time, boxes = capture_time(path), frame.above(0.0)
    animals = tuple(
        box for box in boxes if box.category in classified and box.confidence >= MIN_CONFIDENCE
    )
    others = tuple(box for box in boxes if box not in animals)
    return DetectedFrame(sha256, animals, others, None if time is None else time.isoformat())


def _report(joined: _Joined, revision: int) -> BoxesAdded:
    frames = joined.added.values()
    sure = [[box for box in frame.others if box.confidence >= MIN_CONFIDENCE] for frame in frames]
    return BoxesAdded(
        frames=len(frames),
        boxes=sum(len(frame.animals) for frame in frames),
        others=sum(map(len, sure)),
        empty=sum(
            not frame.animals and not boxes for frame, boxes in zip(frames, sure, strict=True)
        ),
        known_already=joined.n_known,
        missing=len(joined.missing),
        refused=[RefusedFile(name=file, reason=reason) for file, reason in joined.refused.items()],
        revision=revision,
    )


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
