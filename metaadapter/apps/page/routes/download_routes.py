"""The routes of downloads: a table of files, each with the function that makes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, NamedTuple, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from metaadapter.adapter.files import skill_bytes
from metaadapter.apps.export.web_page import FACTS_FILE, MODEL_FILE, fixed_contents
from metaadapter.apps.field.camtrap_package import CamtrapPackage
from metaadapter.apps.field.frames import counts_table, species_counts
from metaadapter.apps.field.megadetector_file import MegaDetectorFile, write_timelapse
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.frame_answers import FrameAnswers, frame_answers
from metaadapter.apps.page.guard import SECURITY_HEADERS
from metaadapter.apps.page.project import TEMPORARY
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import OpenSession
from metaadapter.apps.page.routes.downloads import (
    SortedPicture,
    contact_sheet,
    folder_name,
    label_manifest,
    picture_files,
    prediction_table,
    sorted_pictures,
)
from metaadapter.apps.page.routes.forms import Reply
from metaadapter.apps.page.server import FILES, MEDIA_TYPES
from metaadapter.apps.page.session import Session
from metaadapter.files.stored_zip import zip_bytes, zip_pieces
from metaadapter.files.strict_json import parse_json

MISSING_FILE = "what is missing.txt"
CSV, ZIP = "text/csv; charset=utf-8", "application/zip"
BINARY, CSP = "application/octet-stream", "Content-Security-Policy"
# Browsers compile WebAssembly only for a page that allows it.
CSP_OF_WEB_PAGE = f"{SECURITY_HEADERS[CSP]}; script-src 'self' 'wasm-unsafe-eval'"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Taken:
    """The source of a download: the project, the least probability that counts, the language."""

    session: Session
    threshold: float
    language: str

    def decided(self, use: Callable[[list[SortedPicture], Contents], Value]) -> Value:
        """Call `use` with all pictures, sorted by their labels and predictions, and the contents.

        It waits until the predictions are up to date. Nothing changes the contents during the call.
        """
        predictions = self.session.wait_for_results().answers
        return self.session.read(
            lambda contents: use(sorted_pictures(contents, predictions, self.threshold), contents)
        )

    def frames(self) -> FrameAnswers:
        """The answers by frame; without a classifier, boxes have the detector's categories."""
        name = folder_name(self.session.project.facts.name)
        try:
            answers = self.session.wait_for_results().answers
        except Refusal as refusal:
            if refusal.kind != "no-adapter":
                raise
            answers = {}
        return self.session.read(
            lambda contents: frame_answers(contents, answers, self.threshold, name)
        )

    @property
    def classifier(self) -> str:
        """The name of the classifier in files of camera traps."""
        return f"metaadapter {self.session.project.facts.name}"

    def written(self, write: Callable[[Path], Value]) -> tuple[dict[str, bytes], Value]:
        """The files that `write` makes in a folder, by their names, and what it returns."""
        with TemporaryDirectory(prefix=TEMPORARY) as folder:
            value = write(Path(folder))
            return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}, value


def taken(
    session: OpenSession,
    threshold: Annotated[
        float,
        Query(
            alias="sure",
            ge=0,
            le=1,
            allow_inf_nan=False,
            description="Predictions with a probability below it do not count.",
        ),
    ] = 0.0,
    language: Annotated[
        Literal["en", "de"], Query(description="The language of the contact sheet.")
    ] = "en",
) -> Taken:
    """Return the source of the downloads of a request."""
    return Taken(session, threshold, language)


Taking = Annotated[Taken, Depends(taken)]


def _predictions(of: Taken) -> bytes:
    """The predictions as a table."""
    return of.decided(prediction_table)


def _labels(of: Taken) -> bytes:
    """The labels of people as a manifest, which `metaadapter adapt --several` reads."""
    return of.session.read(label_manifest)


def _pictures(of: Taken) -> Iterator[bytes]:
    """The pictures in folders named by class."""
    return zip_pieces(picture_files(of.decided(lambda pictures, _: pictures), of.session.picture))


def _sheet(of: Taken) -> Iterator[bytes]:
    """All pictures by class with their probabilities, as one HTML file to print."""
    words = parse_json(FILES[f"words.{of.language}.json"].read_bytes())["words"]
    facts = {"language": of.language, "words": words, "minimum": of.threshold}
    pictures, names = of.decided(lambda pictures, contents: (pictures, contents.class_names))
    name = of.session.project.facts.name
    return contact_sheet(pictures, of.session.thumbnail, names=names, project=name, **facts)


def _adapter(of: Taken) -> bytes:
    """The classifier as a skill file."""
    stored = of.session.wait_for_results().stored
    assert stored is not None
    return skill_bytes(stored)


def _web_page(of: Taken) -> Mapping[str, bytes]:
    stored, project = of.session.wait_for_results().stored, of.session.project
    assert stored is not None
    return of.session.page.of(stored, project.encoder.name, project.folder)


def _web(of: Taken) -> bytes:
    """A page for any web host on which everyone can ask the classifier, in a zip file."""
    return zip_bytes(_web_page(of))


def _onnx(of: Taken) -> bytes:
    """The classifier with its encoder as an ONNX file."""
    return _web_page(of)[MODEL_FILE]


def _counts(of: Taken) -> bytes:
    """The counts of species as a table."""
    answers = of.frames()
    return counts_table(species_counts(answers.predictions, answers.folder))


def _timelapse(of: Taken) -> bytes:
    """A table for Timelapse."""
    answers, name = of.frames(), "timelapse.csv"
    files, _ = of.written(
        lambda folder: write_timelapse(folder / name, answers.predictions, answers.folder)
    )
    return files[name]


def _megadetector(of: Taken) -> bytes:
    """All boxes, as corrected, with the answers, as MegaDetector JSON."""
    answers, name = of.frames(), "megadetector.json"
    writer = MegaDetectorFile(of.classifier, answers.labels, answers.folder, answers.detections)
    files, _ = of.written(lambda folder: writer.write(folder / name, answers.predictions, []))
    return files[name]


def _camtrap(of: Taken) -> bytes:
    """A Camera Trap Data Package in a zip file."""
    answers = of.frames()
    detector = str(answers.detections.info["detector"])

    def write(folder: Path) -> list[str]:
        package = CamtrapPackage(folder, of.classifier, answers.folder, detector)
        missing = package.write(lambda: answers.predictions)
        return [f"{line.replace(f'{folder}{os.sep}', '')}\n" for line in missing]

    files, missing = of.written(write)
    return zip_bytes(files | ({MISSING_FILE: "".join(missing).encode()} if missing else {}))


class Download(NamedTuple):
    """A file to download: its name, its type, and what makes its content."""

    file: str
    media_type: str
    make: Callable[[Taken], bytes | Iterator[bytes]]


DOWNLOADS = {
    "adapter": Download("classifier.adapter", BINARY, _adapter),
    "answers.csv": Download("answers.csv", CSV, _predictions),
    "labels.csv": Download("labels.csv", CSV, _labels),
    "pictures.zip": Download("pictures.zip", ZIP, _pictures),
    "sheet": Download("contact-sheet.html", "text/html; charset=utf-8", _sheet),
    "web.zip": Download("web.zip", ZIP, _web),
    "onnx": Download("classifier.onnx", BINARY, _onnx),
    "counts.csv": Download("counts.csv", CSV, _counts),
    "timelapse.csv": Download("timelapse.csv", CSV, _timelapse),
    "megadetector.json": Download("megadetector.json", "application/json", _megadetector),
    "camtrap-dp.zip": Download("camtrap-dp.zip", ZIP, _camtrap),
}
"""Last part of the address → the download."""

routes = APIRouter()


def _add_route(place: str, download: Download) -> None:
    def take(of: Taking) -> Response:
        content, headers = download.make(of), _headers(of.session, download.file)
        if isinstance(content, bytes):
            return Response(content, media_type=download.media_type, headers=headers)
        return StreamingResponse(content, media_type=download.media_type, headers=headers)

    routes.add_api_route(
        f"/take/{place}",
        take,
        name=download.make.__name__.strip("_"),
        description=download.make.__doc__,
        response_class=Response,
    )


def _headers(session: Session, name: str) -> dict[str, str]:
    """Let the browser save a file under the names of the project and of the file, and the day."""
    project = "-".join(folder_name(session.project.facts.name).split())
    dated = f"{project}-{date.today()}-{name}"
    ascii_name = dated.encode("ascii", "replace").decode().replace("?", "_")
    encoded = f"filename*=UTF-8''{quote(dated, safe='')}"
    return {"Content-Disposition": f'attachment; filename="{ascii_name}"; {encoded}'}


for place, download in DOWNLOADS.items():
    _add_route(place, download)


@routes.get("/counts")
def read_counts(of: Taking) -> Reply:
    """How often each species was seen at each camera."""
    answers = of.frames()
    counts = species_counts(answers.predictions, answers.folder)
    return {"counts": [count._asdict() for count in counts]}


@routes.get("/web/{name:path}", response_class=Response)
def preview_web_page(of: Taking, name: str) -> Response:
    """A file of the web page in `/take/web.zip`, to look at the page before it is on a host."""
    if name == FACTS_FILE:  # the page asks for it first
        _web_page(of)
    contents = {**fixed_contents(), **of.session.page.contents}
    if name not in contents:
        raise Refusal(404, "no-such-path", "There is nothing at this address.")
    kind = MEDIA_TYPES.get(name.rpartition(".")[2], BINARY)
    return Response(contents[name], media_type=kind, headers={CSP: CSP_OF_WEB_PAGE})
