"""A detector's file that a client uploads: its boxes become pictures of the open project."""

from __future__ import annotations

from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from metaadapter.apps.field.detections import read_detections
from metaadapter.apps.page.contents import SETTINGS, Change, Contents
from metaadapter.apps.page.detected_boxes import DetectedFrame, add_boxes
from metaadapter.apps.page.editor import Editor
from metaadapter.apps.page.field_forms import BoxesAdded
from metaadapter.apps.page.forms import MAX_NAME_LENGTH, RefusedFile
from metaadapter.apps.page.frame_answers import MIN_CONFIDENCE
from metaadapter.apps.page.frame_names import match_names
from metaadapter.apps.page.labelling import require_one_label
from metaadapter.apps.page.multipart import Form
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.uploads import n_pictures, plain_name
from metaadapter.data.boxes.frame_detections import FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.data.checksums import file_hash
from metaadapter.data.plain_text import one_line
from metaadapter.errors import DataError

FIELD = "detections"
READERS = 8


def add_detections(editor: Editor, form: Form) -> BoxesAdded:
    """Give pictures of the project the boxes in a detector's file.

    Frames that have boxes already keep them, since a person may have corrected them.
    """
    session = editor.session
    session.read(lambda contents: require_one_label(contents, "A file of boxes"))
    frames, classified, detector = _read(form)
    contents = session.read(lambda contents: dict(contents.pictures))
    whole = {key: entry for key, entry in contents.items() if entry.crop is None}
    matches = match_names({key: entry.name for key, entry in whole.items()}, frames)
    if not matches.pictures and not matches.refused:
        first = next(iter(frames), "nothing")
        raise Refusal(
            422,
            "no-frames",
            f"The detector's file lists {first!r} and {max(0, len(frames) - 1)} other frames, but "
            "none of the pictures here. Add the pictures first, with their folder.",
            name=first,
        )
    refused, detected, n_known = dict(matches.refused), dict[str, DetectedFrame](), 0

    def read(file: str, picture: str) -> DetectedFrame | str:
        return _read_frame(session.project.pictures.path(picture), frames[file], classified)

    new = dict[str, str]()
    for file, picture in matches.pictures.items():
        if frames[file].failure:
            refused[file] = f"the detector reports: {frames[file].failure}"
        elif whole[picture].boxes is not None:
            n_known += 1
        else:
            new[file] = picture
    with ThreadPoolExecutor(READERS, thread_name_prefix="boxes") as executor:
        for file, frame in zip(new, executor.map(read, new, new.values()), strict=True):
            if isinstance(frame, str):
                refused[file] = frame
            else:
                detected[new[file]] = frame

    def without_boxes(contents: Contents) -> dict[str, DetectedFrame]:
        present = {key: contents.pictures[key] for key in detected if key in contents.pictures}
        return {key: detected[key] for key, entry in present.items() if entry.boxes is None}

    added = dict[str, DetectedFrame]()

    def changes(contents: Contents) -> tuple[Change, ...]:
        added.update(without_boxes(contents))  # a person may have drawn boxes in the meantime
        settings = contents.settings.model_copy(update={"detector": detector})
        changed = {} if settings == contents.settings else {SETTINGS: settings}
        return (*add_boxes(contents, added), *contents.changes("settings", changed))

    revised = editor.edit(
        lambda contents: f"Added the boxes of {n_pictures(len(without_boxes(contents)))}", changes
    )
    n_known += len(detected) - len(added)
    return _report(added, n_known, matches.n_missing, refused, revised.revision)


def _read(form: Form) -> tuple[Mapping[str, FrameDetections], frozenset[str], str]:
    """The frames in the uploaded file by plain name, the classified categories, the detector."""
    files = [file for file in form.files if file.field == FIELD]
    if len(files) != 1:
        raise Refusal(
            422, "invalid", f"Expected one file in the field `{FIELD}`, but {len(files)} came."
        )
    try:
        detections = read_detections(files[0].path)
    except DataError as error:
        sentence = str(error).replace(str(files[0].path), plain_name(files[0].name))
        raise Refusal(422, "data", f"{sentence[:1].upper()}{sentence[1:]}.") from error
    frames = {plain_name(file): frame for file, frame in detections.frames.items()}
    detector = one_line(detections.info.get("detector", ""))[:MAX_NAME_LENGTH]
    return frames, detections.classified, detector


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
    time, boxes = capture_time(path) or frame.time, frame.above(0.0)
    animals = tuple(
        box for box in boxes if box.category in classified and box.confidence >= MIN_CONFIDENCE
    )
    others = tuple(box for box in boxes if box not in animals)
    return DetectedFrame(sha256, animals, others, None if time is None else time.isoformat())


def _report(
    detected: Mapping[str, DetectedFrame],
    n_known: int,
    n_missing: int,
    refused: Mapping[str, str],
    revision: int,
) -> BoxesAdded:
    frames = detected.values()
    sure = [[box for box in frame.others if box.confidence >= MIN_CONFIDENCE] for frame in frames]
    return BoxesAdded(
        frames=len(detected),
        boxes=sum(len(frame.animals) for frame in frames),
        others=sum(map(len, sure)),
        empty=sum(
            not frame.animals and not boxes for frame, boxes in zip(frames, sure, strict=True)
        ),
        known_already=n_known,
        missing=n_missing,
        refused=[RefusedFile(name=file, reason=reason) for file, reason in refused.items()],
        revision=revision,
    )
