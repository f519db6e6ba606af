"""A project of the page, and everything that the page shows of it and gives to download."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.robustness.artifacts import Answer, Artifact, time_limit
from benchmarks.robustness.damage_trials import DamagedArtifacts
from metaadapter.apps.page.access import Access
from metaadapter.apps.page.app import make_app
from metaadapter.apps.page.guard import Guard
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.routes.downloads import LEFT_OUT_FILE
from metaadapter.errors import MetaAdapterError
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder

PORT = 8000
COLOURS = {"red fox": (200, 60, 40), "lynx": (90, 120, 60)}
# With more than eight pictures a class the predictions do not depend on when a pool is read.
N_SHOTS, N_TRAY = 9, 3
DOWNLOADS = ("/take/answers.csv", "/take/labels.csv", "/advice")
VARYING = {"revision", "folder", "name", "path"}


@cache
def _encoder() -> ImageEncoder:
    return load_encoder("tiny", device="cpu")


class Page:
    """The page of a project in this process, and a client with its token."""

    def __init__(self, projects: Projects) -> None:
        from starlette.testclient import TestClient

        access = Access("a-token", PORT)
        self.projects = projects
        app = Guard(make_app(projects), access)
        self.client = TestClient(app, base_url=f"http://127.0.0.1:{PORT}")
        self.client.headers["Authorization"] = f"Bearer {access.token}"

    def ask(self, method: str, path: str, **body: Any) -> bytes:
        """The content of a response; a `RuntimeError` for a fault of the server."""
        response = self.client.request(method, path, **body)
        if response.status_code >= 500:
            raise RuntimeError(f"{path}: {response.status_code} {response.text}")
        return response.content

    def json(self, path: str) -> Any:
        """A JSON document, without values that vary."""
        document = json.loads(self.ask("GET", path))
        return {key: value for key, value in document.items() if key not in VARYING}


def _make_project(folder: Path, _store: Path) -> None:
    rng = np.random.default_rng(0)
    with Projects(folder, "tiny", lambda *_, **__: _encoder()).opened() as projects:
        page = Page(projects)
        shots = [
            (f"{name}/{number}.png", _picture(colour, rng))
            for name, colour in COLOURS.items()
            for number in range(N_SHOTS)
        ]
        tray = [(f"{number}.png", _picture((150, 90, 50), rng)) for number in range(N_TRAY)]
        for files, target in ((shots, "folders"), (tray, "")):
            parts = [("pictures", file) for file in files]
            page.ask("POST", "/pictures", files=parts, data={"class": target})
            projects.session.wait_for_results()
        state = page.json("/project")
        labels = dict.fromkeys(state["tray"][:1], state["classes"][0]["id"])
        for _ in range(3):
            page.ask("POST", "/classes", json={"name": f"class {rng.integers(1000)}"})
        page.ask("POST", "/labels", json={"labels": labels})
        page.ask("POST", "/undo")
        for picture in page.json("/project")["names"]:
            page.ask("GET", f"/pictures/{picture}")


def _ask_project(folder: Path, _store: Path, _out: Path) -> Iterator[Answer]:
    with time_limit(), warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            with Projects(folder, None, lambda *_, **__: _encoder()).opened() as projects:
                page = Page(projects)
                with page.client:  # one event loop for all requests
                    shown, notes = _everything(page)
        except MetaAdapterError as error:
            yield Answer(error.exit_code, "", str(error))
            return
    notes += [str(warning.message) for warning in noted]
    # What the page tells counts as an error of a command.
    yield Answer(3 if notes else 0, shown, "\n".join(notes))


def _everything(page: Page) -> tuple[str, list[str]]:
    """All that the page shows of its project, as a text, and what it tells about damage."""
    page.projects.session.wait_for_results()
    shown: list[Any] = [page.json("/project"), page.json("/answers"), page.json("/work")]
    notes = [f"{name}: {reason}" for name, reason in shown[0]["unreadable"].items()]
    for picture in shown[0]["names"]:
        for size in ("thumbnail", "whole"):
            content = page.ask("GET", f"/pictures/{picture}?size={size}")
            shown.append(hashlib.sha256(content).hexdigest())
    shown += [page.ask("GET", path).decode() for path in DOWNLOADS]
    archive = zipfile.ZipFile(io.BytesIO(page.ask("GET", "/take/pictures.zip")))
    shown += [(entry.filename, entry.CRC) for entry in archive.infolist()]
    if LEFT_OUT_FILE in archive.namelist():
        notes.append(archive.read(LEFT_OUT_FILE).decode())
    for step in ("undo", "undo", "redo", "redo"):
        page.ask("POST", f"/{step}")
        shown.append(page.json("/project"))
    return json.dumps(shown), notes


def _picture(colour: tuple[int, int, int], rng: np.random.Generator) -> bytes:
    pixels = (np.array(colour) + rng.integers(-40, 41, (24, 24, 3))).clip(0, 255)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


class DamagedProject(DamagedArtifacts):
    """A project of the page, whose copies are damaged."""

    ARTIFACTS: Mapping[str, Artifact] = {"project": Artifact(_make_project, _ask_project)}
    KINDS = tuple(ARTIFACTS)
    WHOLE_FILES: Mapping[str, float] = {"project": 0.3}

    def _pick(self, files: list[Path], rng: np.random.Generator) -> Path:
        # First a folder, because one folder has most files.
        folders = sorted({path.parent for path in files})
        folder = folders[rng.integers(len(folders))]
        return super()._pick([path for path in files if path.parent == folder], rng)
