from __future__ import annotations

import pytest

from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing
from metaadapter.data.crop import Box


def of_frames(*frames, names=None, **facts):
    """A listing of frames, with its categories in the order in which they occur."""
    used = dict.fromkeys(box.category for frame in frames for box in frame.detections)
    categories = {str(number): name for number, name in enumerate(names or used, start=1)}
    return Listing("test", categories, frames, **facts)


@pytest.fixture
def animals():
    """Two pictures with three boxes of two labels, and a picture without a box."""
    fox = Detection("red fox", 1.0, Box(0.1, 0.2, 0.3, 0.4))
    deer = Detection("deer", 1.0, Box(0.5, 0.25, 0.125, 0.5))
    return of_frames(
        FrameDetections("a/1.jpg", (fox, deer), size=(640, 480)),
        FrameDetections("b/1.jpg", (deer,), size=(200, 100)),
        FrameDetections("b/2.jpg", (), size=(200, 100)),
    )
