from __future__ import annotations

import csv
import json
import re

import pytest

from metaadapter.apps.field.camtrap_package import CamtrapPackage
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Prediction

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


def test_package__observations__are_of_boxes_and_name_their_series(write, tmp_path):
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
    assert [row["eventID"] for row in observed[:3]] == [SERIES] * 3
    assert observed[1]["scientificName"] == "red fox"
    assert observed[1]["classificationProbability"] == "0.9"


def test_package__background_beside_an_animal__is_no_row_and_blank_frames_have_no_box(
    tmp_path, answers
):
    fox, branch = answers[0], answers[5]
    beside = branch._replace(path=fox.path, time=fox.time, series=fox.series)
    alone = branch._replace(label="empty", probability=0.6)
    package = CamtrapPackage(tmp_path / "package", "metaadapter x", tmp_path / "frames")

    package.write(lambda: iter([fox, beside, branch, alone]))

    observed = rows_of(tmp_path, "observations")
    rows = [
        (row["observationLevel"], row["observationType"], bool(row["bboxX"])) for row in observed
    ]
    assert rows == [
        ("media", "animal", True),
        ("event", "animal", False),
        ("media", "blank", False),
        ("event", "blank", False),
    ]


def test_package__metadata__keeps_the_profile_and_the_entries_of_the_user(write, tmp_path):
    write()
    metadata = tmp_path / "package" / "datapackage.json"
    document = json.loads(metadata.read_text())
    assert document["profile"].endswith("1.0.2/camtrap-dp-profile.json")
    assert {resource["name"] for resource in document["resources"]} == {*PATTERNS}
    for resource in document["resources"]:
        assert resource["profile"] == "tabular-data-resource"
        assert re.search(r"1\.0\.2/.*-table-schema\.json$", resource["schema"])
    assert document["spatial"]["type"] == "MultiPoint"
    assert re.fullmatch(STAMP, document["created"])
    assert document["temporal"] == {"start": "2025-05-04", "end": "2025-05-05"}
    assert all(taxon["scientificName"] for taxon in document["taxonomic"])
    document["project"] |= {"samplingDesign": "targeted"}
    document["contributors"] = [{"title": "Ada", "role": "contact"}]
    metadata.write_text(json.dumps(document))
    write()
    kept = json.loads(metadata.read_text())
    assert kept["project"]["samplingDesign"] == "targeted"
    assert kept["contributors"] == document["contributors"]


@pytest.mark.slow
@pytest.mark.network
def test_package__by_frictionless__is_valid(write, tmp_path):
    frictionless = pytest.importorskip("frictionless")
    write()
    table = tmp_path / "package" / "deployments.csv"
    table.write_text(re.sub(r"^(\w+,,\w+),,", r"\1,50.1,8.2", table.read_text(), flags=re.M))
    write()

    report = frictionless.validate(tmp_path / "package" / "datapackage.json")

    assert report.valid, report.to_summary()
