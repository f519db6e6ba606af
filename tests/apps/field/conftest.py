from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaadapter.apps.field.frames import Frame
from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow


@pytest.fixture
def write_json(tmp_path):
    """Writes a value as JSON, and gives the file."""

    def write(value, name="detections.json"):
        file = tmp_path / name
        file.write_text(value if isinstance(value, str) else json.dumps(value))
        return file

    return write


@pytest.fixture
def frame():
    """Makes a frame with the boxes of a detector, each (left, top, width, height, confidence)."""

    def make(path, *boxes, time=None, category="animal"):
        result = tuple(Detection(category, box[4], Box(*box[:4])) for box in boxes)
        return Frame(ImageRow(Path(path), None), FrameDetections(path, result), time)

    return make
