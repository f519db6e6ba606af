"""The routes of downloads for camera traps: the files that `metaadapter predict` writes."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from metaadapter.apps.field.camtrap_package import CamtrapPackage
from metaadapter.apps.field.megadetector_file import MegaDetectorFile
from metaadapter.apps.field.species_counts import counts_table, species_counts
from metaadapter.apps.field.timelapse_file import write_timelapse
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.download_routes import Threshold, file_response
from metaadapter.apps.page.downloads import folder_name
from metaadapter.apps.page.field_forms import Counts
from metaadapter.apps.page.frame_answers import FrameAnswers, frame_answers
from metaadapter.apps.page.project import UPLOAD_PREFIX
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.data.stored_zip import zip_entry

MISSING_FILE = "what is missing.txt"
CSV = "text/csv; charset=utf-8"

routes = APIRouter()


@routes.get("/counts")
def read_counts(session: OpenSession, threshold: Threshold = 0.0) -> Counts:
    """How often each species was seen at each camera."""
    answers = _answers(session, threshold)
    counts = species_counts(answers.predictions, answers.folder)
    return Counts.model_validate({"counts": counts}, from_attributes=True)


@routes.get("/take/counts.csv", response_class=Response)
def download_counts(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """The counts of species as a table."""
    answers = _answers(session, threshold)
    table = counts_table(species_counts(answers.predictions, answers.folder))
    return file_response(session, table, "counts.csv", CSV)


@routes.get("/take/timelapse.csv", response_class=Response)
def download_timelapse(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """A table for Timelapse."""
    answers = _answers(session, threshold)
    with _folder(session) as folder:
        file = Path(folder) / "timelapse.csv"
        write_timelapse(file, answers.predictions, answers.folder)
        return file_response(session, file.read_bytes(), file.name, CSV)


@routes.get("/take/megadetector.json", response_class=Response)
def download_megadetector(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """All boxes, as corrected, with the answers, as MegaDetector JSON."""
    answers = _answers(session, threshold)
    with _folder(session) as folder:
        file = Path(folder) / "megadetector.json"
        writer = MegaDetectorFile(
            _classifier(session), answers.labels, answers.folder, answers.detections
        )
        writer.write(file, answers.predictions, [])
        return file_response(session, file.read_bytes(), file.name, "application/json")


@routes.get("/take/camtrap-dp.zip", response_class=Response)
def download_camtrap(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """A Camera Trap Data Package in a zip file."""
    answers, content = _answers(session, threshold), io.BytesIO()
    with _folder(session) as folder:
        detector = str(answers.detections.info["detector"])
        package = CamtrapPackage(Path(folder), _classifier(session), answers.folder, detector)
        missing = package.write(lambda: answers.predictions)
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
            if missing:
                lines = [line.replace(f"{folder}{os.sep}", "") for line in missing]
                archive.writestr(zip_entry(MISSING_FILE), "".join(f"{line}\n" for line in lines))
    return file_response(session, content.getvalue(), "camtrap-dp.zip", "application/zip")


def _answers(session: Session, threshold: float) -> FrameAnswers:
    """The answers by frame; without a classifier, boxes have the detector's categories."""
    name = folder_name(session.project.facts.name)
    try:
        answers = session.wait_for_results().answers
    except Refusal as refusal:
        if refusal.kind != "no-adapter":
            raise
        answers = {}
    return session.read(lambda contents: frame_answers(contents, answers, threshold, name))


def _folder(session: Session) -> tempfile.TemporaryDirectory[str]:
    """A folder for files until they are sent; after a kill the next start removes it."""
    return tempfile.TemporaryDirectory(dir=session.project.incoming, prefix=UPLOAD_PREFIX)


def _classifier(session: Session) -> str:
    return f"metaadapter {session.project.facts.name}"
