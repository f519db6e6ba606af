"""A deer and a fox in one frame, read back as Timelapse and camtraptor read them."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pytest

from metaadapter.apps.field.camtrap_package import CamtrapPackage
from metaadapter.apps.field.frames import species_counts
from metaadapter.apps.field.megadetector_file import write_timelapse
from metaadapter.apps.field.series import Seen, number_animals
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Prediction

DEER = [Box(0.5, 0.4, 0.3, 0.4), Box(0.1, 0.3, 0.3, 0.4)]
FOX = [Box(left, 0.8, 0.1, 0.1) for left in (0.0, 0.4, 0.8)]
FRAMES = (  # the fox runs through three frames; two deer stand in the second
    [("red deer", DEER[0]), ("red fox", FOX[0])],
    [("red fox", FOX[1]), ("red deer", DEER[0]), ("red deer", DEER[1])],
    [("red fox", FOX[2]), ("background", DEER[0])],
    [("empty", None)],
)


def rows_of(file):
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def make(tmp_path):
    """Makes the predictions for the frames, in a series or each alone."""

    def predictions(in_series=True):
        names = [str(tmp_path / "frames" / "brook" / f"{n}.jpg") for n in range(len(FRAMES))]
        return [
            Prediction(name, label, 0.9, "", 0.0, False, {label: 0.9})._replace(
                box=box, time=f"2025-05-04T06:00:0{n}", series=names[0] if in_series else None
            )
            for n, (name, shown) in enumerate(zip(names, FRAMES, strict=True))
            for label, box in shown
        ]

    return predictions


def imported(rows, template, choices, records):
    """Timelapse's records after an import, by the rules of its CsvReaderWriter.TryImportFromCsv.

    A column that the template lacks, or a choice that a field lacks, ends the import. Rows of one
    file update its records one by one, and rows beyond them are ignored.
    """
    assert {*rows[0]} <= {*template}, "These CSV column headings do not match"
    assert all({*row["Species"].split(",")} <= choices for row in rows)
    assert all(not row["Count"].strip() or int(row["Count"]) >= 0 for row in rows)
    assert all(row["DeleteFlag"] in ("true", "false") for row in rows)
    assert all(datetime.strptime(row["DateTime"], "%Y-%m-%d %H:%M:%S") for row in rows)
    result = {place: [{}] * n for place, n in records.items()}
    done = dict.fromkeys(records, 0)
    for row in sorted(rows, key=lambda row: (row["RelativePath"], row["File"])):
        place = (row["RelativePath"], row["File"])
        if done[place] < len(result[place]):
            result[place][done[place]] = row
        done[place] += 1
    assert all(done[place] == n for place, n in records.items())
    return {name: record for (_, name), [record] in result.items()}


def test_timelapse__frame_of_two_species__has_both_with_their_numbers_after_the_import(
    make, tmp_path
):
    write_timelapse(tmp_path / "t.csv", make(), tmp_path / "frames")

    built_in = {"File", "RelativePath", "DateTime", "DeleteFlag"}
    records = imported(
        rows_of(tmp_path / "t.csv"),
        built_in | {"Species", "Count", "Probability", "Counts"},
        {"red deer", "red fox", "empty"},
        {("brook", f"{n}.jpg"): 1 for n in range(len(FRAMES))},
    )
    assert [(one["Species"], one["Counts"]) for one in records.values()] == [
        ("red deer,red fox", "red deer 1, red fox 1"),
        ("red fox,red deer", "red fox 1, red deer 2"),
        ("red fox", "red fox 1"),
        ("empty", ""),
    ]


@pytest.mark.parametrize("in_series", [True, False])
def test_camtrap__series_of_two_species__has_events_with_their_numbers(make, tmp_path, in_series):
    answers = make(in_series)
    CamtrapPackage(tmp_path / "p", "m", tmp_path / "frames").write(lambda: iter(answers))

    project = json.loads((tmp_path / "p" / "datapackage.json").read_text())["project"]
    rows = rows_of(tmp_path / "p" / "observations.csv")
    events = [row for row in rows if row["observationLevel"] == "event"]
    assert {row["observationLevel"] for row in rows} == {*project["observationLevel"]}
    assert len({row["observationID"] for row in rows}) == len(rows)
    assert bool(events) == in_series
    # camtraptor counts by rows of events alone, and links media to them by camera and time.
    numbers = {row["scientificName"]: int(row["count"]) for row in events}
    assert numbers == ({"red deer": 2, "red fox": 1} if in_series else {})
    media = rows_of(tmp_path / "p" / "media.csv")
    for event in events:
        assert not any(event[name] for name in ("mediaID", "bboxX", "bboxWidth"))
        assert event["eventID"] == "brook/0.jpg"
        assert event["classificationProbability"] == "0.9"
        linked = [
            one["mediaID"]
            for one in media
            if one["deploymentID"] == event["deploymentID"]
            and event["eventStart"] <= one["timestamp"] <= event["eventEnd"]
        ]
        assert linked == [f"brook/{n}.jpg" for n in range(len(FRAMES))]


def test_counts__fox_that_runs_through_a_series__is_one_as_in_the_package(make, tmp_path):
    animals = number_animals([Seen("s", n, box) for n, box in enumerate(FOX)])
    counts = species_counts(make(), tmp_path / "frames")

    assert animals == [1, 2, 3]  # its boxes are too far apart
    assert {one.label: (one.individuals, one.pictures) for one in counts} == {
        "red deer": (2, 2),
        "red fox": (1, 3),
        "empty": (0, 1),
    }


def test_package__again__is_written_over_its_events(make, tmp_path):
    package = CamtrapPackage(tmp_path / "p", "m", tmp_path / "frames")
    package.write(make)
    before = rows_of(tmp_path / "p" / "observations.csv")

    package.require_readable()
    package.write(make)

    assert len(rows_of(tmp_path / "p" / "observations.csv")) == len(before)
