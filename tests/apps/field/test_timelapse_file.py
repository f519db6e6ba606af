from __future__ import annotations

import csv
from pathlib import Path

from metaadapter.apps.field.megadetector_file import write_timelapse
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Prediction


def answer(path, label, share, box=None, time=None):
    return Prediction(path, label, share, "", 0.0, False, {}, box=box, time=time)


def test_table__one_row_a_frame__has_the_columns_and_paths_of_timelapse(tmp_path):
    root, box = tmp_path / "frames", Box(0, 0, 1, 1)
    first = str(root / "brook" / "100RECNX" / "1.jpg")
    answers = [
        answer(first, "deer", 0.8, box, "2025-05-04T06:00:01+02:00"),
        answer(first, "fox", 0.9, box),
        answer(first, "deer", 0.7, box),
        answer(str(root / "2.jpg"), "empty", 0.6),
        answer(str(root / "3.jpg"), "background", 0.7, box),
        answer(str(root / "=1+1.jpg"), "fox", 0.5),
    ]

    write_timelapse(tmp_path / "t.csv", answers, root)

    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == [
        *("File", "RelativePath", "DateTime", "DeleteFlag"),
        *("Species", "Count", "Probability", "Counts"),
    ]
    counts = [row.pop("Counts") for row in rows]
    assert counts == ["fox 1, deer 2", "", "", "fox 1"]
    assert [tuple(row.values()) for row in rows] == [
        ("1.jpg", "brook\\100RECNX", "2025-05-04 06:00:01", "false", "fox,deer", "1", "0.9000"),
        ("2.jpg", "", "", "false", "empty", "0", "0.6000"),
        ("3.jpg", "", "", "false", "background", "0", "0.7000"),
        ("'=1+1.jpg", "", "", "false", "fox", "1", "0.5000"),
    ]


def test_table__surest_animal__is_first_by_its_confidence_and_no_other_is_left_out(tmp_path):
    box = Box(0, 0, 1, 1)

    def boxed(label, share, confidence, source="adapter"):
        shares = {label: share} if source == "adapter" else {}
        return answer("/frames/1.jpg", label, share, box)._replace(
            confidence=confidence, probabilities=shares, source=source
        )

    answers = [
        boxed("deer", 0.9, 0.95),
        boxed("dog", 0.99, 0.3),
        boxed("dog", 0.98, 0.3),
        boxed("person", 0.25, 0.25, "detector"),
        boxed("vehicle", 0.4, 0.4, "detector"),
        boxed("background", 0.99, 0.99),
    ]

    write_timelapse(tmp_path / "t.csv", answers, Path("/frames"))

    row = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1]
    numbers = '"deer 1, dog 2, vehicle 1, person 1"'
    assert row == f'1.jpg,,,false,"deer,dog,vehicle,person",1,0.9000,{numbers}'
