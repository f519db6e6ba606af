from __future__ import annotations

import csv
import json
import re

import pytest

from metaadapter.apps.field.camtrap_package import CamtrapPackage
from metaadapter.data.crop import Box
from metaadapter.errors import DataError
from metaadapter.workflow.predictions import Prediction

# What Camtrap DP 1.0.2 demands of columns (tdwg/camtrap-dp, *-table-schema.json).
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"
PATTERNS = {
    "deployments": {"deploymentID": ".+", "deploymentStart": STAMP, "deploymentEnd": STAMP},
    "media": {
        "mediaID": ".+",
        "deploymentID": ".+",
        "captureMethod": "activityDetection|timeLapse",
        "timestamp": STAMP,
        "filePath": r"(?=^[^./~])(^((?!\.{2}).)*$).*",
        "filePublic": "true|false",
        "fileMediatype": "(image|video|audio)/.*",
    },
    "observations": {
        "observationID": ".+",
        "deploymentID": ".+",
        "eventStart": STAMP,
        "eventEnd": STAMP,
        "observationLevel": "media|event",
        "observationType": "animal|human|vehicle|blank|unknown|unclassified",
        "count": r"([1-9]\d*)?",
        "bboxX": r"(0(\.\d+)?|1(\.0)?)?",
        "classificationMethod": "human|machine",
        "classificationTimestamp": STAMP,
        "classificationProbability": r"0(\.\d+)?|1(\.0)?",
    },
}
SERIES = "brook/DCIM/100RECNX/1.jpg"


@pytest.fixture
def answers(tmp_path):
    def answer(name, label, share, box=None, time="2025-05-04T06:00:01", series=SERIES):
        path = str(tmp_path / "frames" / name)
        start = str(tmp_path / "frames" / series)
        shares = {"fox": share}
        return Prediction(
            path, label, share, "", 0.0, False, shares, box=box, time=time, series=start
        )

    box, later = Box(-0.001, 0.2, 0.3, 0.4), "2025-05-04T06:00:03"
    return [
        answer(SERIES, "red fox", 0.8, box),
        answer(SERIES, "red fox", 0.9, box),
        answer("brook/DCIM/100RECNX/2.jpg", "red fox", 0.7, box, later),
        answer("brook/DCIM/100RECNX/3.jpg", "empty", 0.7, None, later),
        answer("meadow/1.jpg", "person", 0.7, box, "2025-05-05T06:00:00+02:00", "meadow/1.jpg"),
        answer("meadow/2.jpg", "background", 0.7, box, later, "meadow/2.jpg"),
        answer("meadow/3.jpg", "unknown", 0.7, box, later, "meadow/3.jpg"),
        answer("meadow/4.jpg", "red fox", 0.7, box, None, "meadow/4.jpg"),
    ]


@pytest.fixture
def write(tmp_path, answers):
    package = CamtrapPackage(tmp_path / "package", "metaadapter x", tmp_path / "frames")
    return lambda: package.write(lambda: iter(answers))


def rows_of(folder, name):
    with (folder / "package" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_package__tables__keep_the_rules_of_the_standard(write, tmp_path):
    write()

    for name, patterns in PATTERNS.items():
        for row in rows_of(tmp_path, name):
            for column, pattern in patterns.items():
                assert re.fullmatch(pattern, row[column]), (name, column, row[column])
    media = [row["mediaID"] for row in rows_of(tmp_path, "media")]
    cameras = [row["deploymentID"] for row in rows_of(tmp_path, "deployments")]
    observed = rows_of(tmp_path, "observations")
    ids = [row["observationID"] for row in observed]
    assert len({*media}) == len(media) == 6
    assert cameras == ["brook", "meadow"]
    assert len({*ids}) == len(ids)
    assert {row["mediaID"] for row in observed} <= {*media, ""}
    assert {row["deploymentID"] for row in observed} <= {*cameras}


def test_package__observations__are_of_boxes_and_of_series(write, tmp_path):
    write()

    observed = rows_of(tmp_path, "observations")
    kinds = {row["mediaID"]: row["observationType"] for row in observed if row["mediaID"]}
    assert kinds == {
        SERIES: "animal",
        "brook/DCIM/100RECNX/2.jpg": "animal",
        "brook/DCIM/100RECNX/3.jpg": "blank",
        "meadow/1.jpg": "human",
        "meadow/2.jpg": "blank",
        "meadow/3.jpg": "unknown",
    }
    event = next(row for row in observed if row["observationLevel"] == "event")
    assert (event["scientificName"], event["count"]) == ("red fox", "2")
    assert (event["eventStart"], event["eventEnd"]) == (
        "2025-05-04T06:00:01Z",
        "2025-05-04T06:00:03Z",
    )
    assert event["classificationProbability"] == "0.9"


def test_package__what_is_missing__is_told_and_stays_once_it_is_filled_in(write, tmp_path):
    notes = write()
    cameras = rows_of(tmp_path, "deployments")
    with (tmp_path / "package" / "deployments.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*cameras[0], "ownColumn"])
        table.writeheader()
        for row in cameras:
            table.writerow({**row, "latitude": "50.1", "longitude": "8.2", "ownColumn": "mine"})
    metadata = tmp_path / "package" / "datapackage.json"
    document = json.loads(metadata.read_text())
    document["taxonomic"][0]["scientificName"] = "Vulpes vulpes"
    document["project"]["samplingDesign"] = "systematicRandom"
    document["contributors"] = [{"title": "Ada"}]
    metadata.write_text(json.dumps(document))

    notes_again = write()

    assert ["latitude" in note for note in notes] == [True, False]
    assert ["have no time" in note for note in notes_again] == [True]
    assert {row["ownColumn"] for row in rows_of(tmp_path, "deployments")} == {"mine"}
    names = {row["scientificName"] for row in rows_of(tmp_path, "observations")}
    assert names == {"Vulpes vulpes", ""}
    after = json.loads(metadata.read_text())
    assert after["project"]["samplingDesign"] == "systematicRandom"
    assert after["contributors"] == [{"title": "Ada"}]
    assert after["taxonomic"] == document["taxonomic"]
    assert after["spatial"]["coordinates"] == [[8.2, 50.1]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("datapackage.json", "[]"),
        ("datapackage.json", '{"taxonomic": 5}'),
        ("deployments.csv", "camera\n1\n"),
    ],
)
def test_package__other_content_in_its_place__is_refused_at_the_start(tmp_path, name, content):
    (tmp_path / name).write_text(content)

    with pytest.raises(DataError, match=f"Camtrap DP in .*{name}"):
        CamtrapPackage(tmp_path, "metaadapter x", tmp_path).require_readable()
