"""The frames of a season among which those to label are chosen."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.worth_labelling import candidates

ANIMALS = Detections(Path("d.json"), "", {}, {"1": "animal", "2": "person"}, {})


def at(minutes):
    return datetime(2025, 5, 4, 6) + timedelta(minutes=minutes)


def names(rows):
    return [Path(row.path).name for row in rows]


def test_candidates__series__gives_its_surest_box(frame):
    season = [
        frame("brook/1.jpg", (0.1, 0.1, 0.2, 0.2, 0.7), time=at(0)),
        frame("brook/2.jpg", (0.5, 0.1, 0.2, 0.2, 0.9), (0, 0, 0.1, 0.1, 0.3), time=at(0.5)),
        frame("brook/3.jpg", (0.1, 0.5, 0.2, 0.2, 0.4), time=at(30)),
        frame("meadow/1.jpg", (0.1, 0.5, 0.2, 0.2, 0.4), time=at(0)),
        frame("meadow/2.jpg", (0.1, 0.5, 0.2, 0.2, 0.1), time=at(60)),
        frame("meadow/3.jpg", (0.1, 0.5, 0.9, 0.2, 0.9), time=at(90), category="person"),
    ]

    found = candidates(season, ANIMALS, 0.2)

    assert names(found.animals) == ["2.jpg", "3.jpg", "1.jpg"]
    assert found.animals[0].box == (0.5, 0.1, 0.2, 0.2)
    assert names(found.likely_empty) == ["2.jpg"]
    assert found.likely_empty[0].box == found.animals[2].box  # that of its own camera


def test_candidates__box_that_recurs__is_likely_empty_and_comes_first(frame):
    branch = (0.1, 0.1, 0.3, 0.1)
    season = [frame(f"brook/{n}.jpg", (*branch, 0.3 + n / 100), time=at(9 * n)) for n in range(12)]
    season += [frame(f"meadow/{n}.jpg", time=at(9 * n)) for n in range(3)]
    season += [frame(f"weir/{n}.jpg", time=at(9 * n)) for n in range(2)]

    found = candidates(season, ANIMALS, 0.2)

    assert found.animals == ()
    assert found.likely_empty[0].path == Path("brook/11.jpg")
    assert found.likely_empty[0].box == branch
    shown = [str(row.path) for row in found.likely_empty[1:]]
    assert shown == ["meadow/1.jpg", "weir/1.jpg", "meadow/2.jpg", "weir/0.jpg", "meadow/0.jpg"]
