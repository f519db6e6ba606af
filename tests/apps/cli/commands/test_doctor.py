from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing

import pytest

import metaadapter.apps.cli.doctor_checks as checks
from benchmarks.robustness.artifacts import ARTIFACTS
from metaadapter.files.db import Database


def test_doctor__healthy_machine__ends_with_0_and_a_line_for_each_thing(run):
    result = run("doctor")

    assert result.code == 0
    assert "PROBLEM" not in result.out
    for name in ("python", "torch", "devices", "threads", "model hub cache", "encoder tiny"):
        assert f"  {name}: " in result.out


@pytest.mark.parametrize(
    ("name", "installed", "status", "detail"),
    [
        (
            "torch",
            {"torch": "2.1.0"},
            "problem",
            r"^2\.1\.0 is too old: `pip install -U 'torch>=2\.6'`$",
        ),
        # A build is as new as its public version.
        ("torch", {"torch": "2.15.0+cu132"}, "ok", r"^2\.15\.0\+cu132$"),
        ("torch", {"torch": "2.6.0+debian"}, "ok", r"^2\.6\.0\+debian$"),
        ("torch", {"torch": "2.6+cpu"}, "ok", r"^2\.6\+cpu$"),
        ("numpy", {"numpy": "1.26.4", "qpth": "0.0.18"}, "note", "held below 2 by qpth"),
        ("matplotlib", {"matplotlib": None}, "note", r"pip install 'metaadapter\[report\]'"),
    ],
)
def test_doctor__version_of_a_package__is_judged_with_the_remedy(
    run, monkeypatch, name, installed, status, detail
):
    real = checks._version
    monkeypatch.setattr(checks, "_version", lambda name: installed.get(name, real(name)))

    document = run("doctor", "--json").document

    (check,) = (check for check in document["checks"] if check["name"] == name)
    assert check["status"] == status
    assert re.search(detail, check["detail"])


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    """A feature store, an adapter, a generator, an evaluation and a training run."""
    folder = tmp_path_factory.mktemp("undamaged")
    for kind, artifact in ARTIFACTS.items():
        (folder / kind).mkdir()
        artifact.make(folder / kind / "artifact", folder / "feature store" / "artifact")
    return folder


@pytest.fixture
def folder(undamaged, tmp_path):
    return shutil.copytree(undamaged, tmp_path / "folder")


def test_doctor_verify__undamaged_folder__names_each_file(run, folder):
    result = run("doctor", "--verify", folder, "--json")

    assert result.code == 0
    names = {check["name"] for check in result.document["checks"]}
    assert {
        "feature store/artifact/features-0001.npy",
        "adapter/artifact/adapter_config.json",
        "generator/artifact/model.safetensors",
        "evaluation/artifact/confusion.csv",
        "evaluation/artifact/cells.db",
        "training run/artifact/checkpoint.safetensors",
    } <= names


@pytest.mark.parametrize(
    "name",
    [
        "feature store/artifact/features-0001.npy",
        "feature store/artifact/store.json",
        "adapter/artifact/support.safetensors",
        "generator/artifact/model.safetensors",
        "evaluation/artifact/rows.csv",
        "evaluation/artifact/cells.db",
        "training run/artifact/checkpoint.safetensors",
    ],
)
def test_doctor_verify__damaged_file__ends_with_3_and_names_it_alone(run, folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)

    result = run("doctor", "--verify", folder, "--json")

    assert (result.code, result.document["healthy"]) == (3, False)
    wrong = [check for check in result.document["checks"] if check["status"] == "problem"]
    assert [check["name"] for check in wrong] == [name]


def test_doctor_verify__of_a_damaged_database__saves_what_can_be_read(run, tmp_path):
    with Database(tmp_path / "a.db", "numbers") as log:
        log.append(("row", str(number), number) for number in range(9))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("UPDATE records SET value = 7 WHERE number = 5")
        connection.commit()

    result = run("doctor", "--verify", tmp_path / "a.db", "--out", tmp_path / "b.db")

    assert result.code == 3
    assert "a.db is damaged at record 5" in result.out
    assert f"4 records of {tmp_path / 'a.db'} are saved" in result.err
    assert run("doctor", "--verify", tmp_path).code == 3
    assert run("doctor", "--verify", tmp_path / "b.db").code == 0
    again = run("doctor", "--verify", tmp_path / "a.db", "--out", tmp_path / "b.db")
    assert again.code == 2
