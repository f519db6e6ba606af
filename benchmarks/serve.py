"""The time that the page takes to add a picture to a class, encode it, and predict again."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from metaadapter.apps.page.changes import add_classes, add_pictures, label_pictures
from metaadapter.apps.page.contents import Contents, Edit, Origin
from metaadapter.apps.page.entries import PictureEntry
from metaadapter.apps.page.project import open_project
from metaadapter.apps.page.routes.dependencies import Editor
from metaadapter.apps.page.session import Session
from metaadapter.features.encoders.encoder_by_name import load_encoder

N_WAY, N_SHOT, N_TRAY, REPEATS = 20, 20, 2000, 7
# The distance of pictures from the mean of their class, relative to the length of the mean.
SPREAD = 1.5


def measure() -> dict[str, float]:
    """Median seconds with 20 classes of 20 pictures and a tray of 2,000, through `tiny`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_project(Path(folder, "project"), "bench", "tiny", load_encoder) as project,
    ):
        rng = np.random.default_rng(0)
        numbers = [number for number in range(N_WAY) for _ in range(N_SHOT)]
        numbers += rng.integers(N_WAY, size=N_TRAY).tolist()
        means = rng.standard_normal((N_WAY, project.encoder.dim))
        noise = rng.standard_normal((len(numbers), project.encoder.dim))
        rows = means[numbers] + SPREAD * noise
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        contents = [str(number).encode() for number in range(len(rows))]
        hashes = [hashlib.sha256(content).hexdigest() for content in contents]
        # A session compares each file with its name, but decodes only pictures without features.
        for sha256, content in zip(hashes, contents, strict=True):
            project.pictures.path(sha256).write_bytes(content)
        project.features.add(dict(zip(hashes, rows.astype(np.float16)[:, None], strict=True)))
        project.features.commit()
        classes = {f"{number:x}": f"thing {number}" for number in range(N_WAY)}
        labels = {
            sha256: (f"{number:x}",)
            for sha256, number in zip(hashes[: N_WAY * N_SHOT], numbers, strict=False)
        }
        pictures = {key: PictureEntry(name=f"{key}.jpg", place=0) for key in hashes}
        project.history.make(Edit("classes", add_classes(project.history.contents, classes)))
        project.history.make(
            Edit("pictures", add_pictures(project.history.contents, pictures, labels))
        )
        with Session(project) as session:
            session.wait_for_results()
            encoded, known = [], []
            for number in range(REPEATS):
                encoded.append(_seconds_to_add(session, Path(folder, f"{number}.jpg"), rng))
                known.append(_seconds_to_label(session, hashes[-1 - number]))
    return {
        "s_picture_added": statistics.median(encoded),
        "s_picture_labelled": statistics.median(known),
    }


def _seconds_to_add(session: Session, file: Path, rng: np.random.Generator) -> float:
    Image.fromarray(rng.integers(0, 256, (300, 400, 3), np.uint8)).save(file)
    start = time.perf_counter()
    picture = session.project.pictures.keep(file.read_bytes())

    def edit(contents: Contents) -> Edit:
        entries = {picture: PictureEntry(name=file.name, place=0)}
        return Edit("picture", add_pictures(contents, entries, {picture: ("0",)}))

    Editor(session, Origin()).edit(edit)
    while picture not in session.wait_for_results().labelled:
        time.sleep(0.001)
    return time.perf_counter() - start


def _seconds_to_label(session: Session, picture: str) -> float:
    start = time.perf_counter()
    edit = Editor(session, Origin()).edit
    edit(lambda contents: Edit("label", label_pictures(contents, {picture: ("0",)})))
    while picture not in session.wait_for_results().labelled:
        time.sleep(0.001)
    return time.perf_counter() - start
