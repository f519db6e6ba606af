from __future__ import annotations

from metaadapter.apps.page.animals_in_tray import animals_in, confidences
from metaadapter.apps.page.contents import PictureEntry
from metaadapter.apps.page.field_entries import CropEntry


def box(frame, second, left, confidence=0.9):
    crop = CropEntry(frame=frame, sides=(left, 0.4, 0.2, 0.2), confidence=confidence)
    return PictureEntry(name="1.jpg", place=0, time=f"2025-05-04T06:00:0{second}", crop=crop)


def test_animals__boxes_that_continue_one_another__are_one_in_the_order_of_time():
    pictures = {
        "a": box("02", 2, 0.3),
        "b": box("01", 1, 0.1),
        "c": box("01", 1, 0.7, 0.3),
        "d": PictureEntry(name="2.jpg", place=0),
    }
    series = {"a": "s", "b": "s", "c": "s"}

    assert animals_in(pictures, series) == [("s", 1), ("s", 1), ("s", 2), None]
    assert confidences([*pictures.values()]) == [0.9, 0.9, 0.3, 1.0]
