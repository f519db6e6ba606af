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
        ("media", "blank", False),
        ("event", "animal", False),
        ("event", "blank", False),
    ]


def test_package__people_vehicles_and_frames_without_a_box__are_classified_by_the_detector(
    tmp_path, answers
):
    fox, person, empty = answers[0], answers[4], answers[3]
    detected = [one._replace(source="detector", probabilities={}) for one in (person, empty)]
    out = tmp_path / "package"
    package = CamtrapPackage(out, "metaadapter x", tmp_path / "frames", "md_v5a.0.0.pt")

    package.write(lambda: iter([fox._replace(source="adapter"), *detected]))

    by = {
        (row["observationType"], row["classifiedBy"]) for row in rows_of(tmp_path, "observations")
    }
    assert by == {
        ("animal", "metaadapter x"),
        ("human", "md_v5a.0.0.pt"),
        ("blank", "md_v5a.0.0.pt"),
    }
    package.write(lambda: iter(detected))
    package.require_readable()  # it stays our own table without a row of the adapter


def test_package__second_run_with_later_frames__widens_the_deployment(write, tmp_path, answers):
    write()
    table = tmp_path / "package" / "deployments.csv"
    text = table.read_text()
    assert "2025-05-04T06:00:01Z,2025-05-04T06:00:03Z" in text
    table.write_text(text.replace("2025-05-04T06:00:01Z", "2025-05-01T00:00:00Z"))
    answers[2] = answers[2]._replace(time="2025-06-01T10:00:00")

    write()

    brook = rows_of(tmp_path, "deployments")[0]
    period = (brook["deploymentStart"], brook["deploymentEnd"])
    assert period == ("2025-05-01T00:00:00Z", "2025-06-01T10:00:00Z")
    media = [row["timestamp"] for row in rows_of(tmp_path, "media") if "brook" in row["mediaID"]]
    assert period[0] <= min(media)
    assert max(media) <= period[1]


def test_package__metadata__keeps_the_profile_and_faults_of_the_user_are_told(write, tmp_path):
    assert not any("the standard wants" in note for note in write())
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
    document["project"] |= {"samplingDesign": "random", "captureMethod": "motion"}
    document["contributors"] = [{"title": "Ada", "role": "boss"}, "Bob"]
    document["name"] = "My Package"
    metadata.write_text(json.dumps(document))

    faults = [note for note in write() if "the standard wants" in note]

    named = ("name", "samplingDesign", "captureMethod", "'boss'", "'Bob'")
    assert len(faults) == len(named)
    assert all(word in fault for word, fault in zip(named, faults, strict=True))


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
        ("deployments.csv", "deploymentID,latitude,longitude\nbrook,N51,7\n"),
        ("deployments.csv", "deploymentID,latitude,longitude\nbrook,99,7\n"),
        ("deployments.csv", "deploymentID,latitude,longitude\nbrook,51,5,7\n"),
    ],
)
def test_package__other_content_in_its_place__is_refused_at_the_start(tmp_path, name, content):
    (tmp_path / name).write_text(content)

    with pytest.raises(DataError, match=f"Camtrap DP in .*{name}"):
        CamtrapPackage(tmp_path, "metaadapter x", tmp_path).require_readable()


def edit_cameras(tmp_path, **values):
    rows = [row | values for row in rows_of(tmp_path, "deployments")]
    with (tmp_path / "package" / "deployments.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_package__period_of_the_user__has_a_time_zone(write, tmp_path):
    write()
    edit_cameras(tmp_path, deploymentStart="2024-05-01", deploymentEnd="2026-01-01T10:00:00")

    write()

    for row in rows_of(tmp_path, "deployments"):
        assert re.fullmatch(STAMP, row["deploymentStart"])
        assert re.fullmatch(STAMP, row["deploymentEnd"])
        assert row["deploymentStart"].startswith("2024-05-01T00:00:00")


def test_package__none_of_these__is_no_species(tmp_path, answers):
    package = CamtrapPackage(tmp_path / "package", "metaadapter x", tmp_path / "frames")

    package.write(lambda: iter([answers[0]._replace(label="none of these")]))

    kinds = {row["observationType"] for row in rows_of(tmp_path, "observations")}
    assert kinds == {"unknown"}


def test_package__run_on_one_camera__keeps_the_places_of_the_others(write, tmp_path, answers):
    write()
    edit_cameras(tmp_path, latitude="50.1", longitude="8.2")
    before = rows_of(tmp_path, "deployments")
    package = CamtrapPackage(tmp_path / "package", "metaadapter x", tmp_path / "frames")

    package.write(lambda: iter(answers[:4]))

    after = rows_of(tmp_path, "deployments")
    assert len(before) == 2
    assert sorted(after, key=str) == sorted(before, key=str)
