from __future__ import annotations

import re
import shutil

import pytest

import metaadapter.apps.cli.doctor_checks as checks
from benchmarks.robustness.artifacts import ARTIFACTS
from metaadapter.errors import DataError
from metaadapter.features import encoder_source
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoder_source import TINY


def test_doctor__healthy_machine__ends_with_0_and_a_line_for_each_thing(run):
    result = run("doctor")

    assert result.code == 0
    assert "PROBLEM" not in result.out
    for name in ("python", "torch", "devices", "threads", "model hub cache", "encoder tiny"):
        assert f"  {name}: " in result.out


def test_doctor__json__has_checks_that_are_no_problem(run):
    checks = run("doctor", "--json").document["checks"]

    assert set(checks[0]) == {"name", "status", "detail"}
    assert {check["status"] for check in checks} <= {"ok", "note"}


def test_doctor__tiny_damaged__is_a_problem(run, monkeypatch):
    def fail(*_, **__):
        raise DataError("model.safetensors is cut off")

    monkeypatch.setattr(FrozenEncoder, "load", fail)

    result = run("doctor")

    assert result.code == 1
    assert "PROBLEM  encoder tiny: model.safetensors is cut off" in result.out


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
        *(
            (name, {name: None}, "note", f"pip install {name}")
            for name in ("pyarrow", "matplotlib", "onnx", "onnxruntime")
        ),
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
        "evaluation/artifact/journal.jsonl",
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
        "evaluation/artifact/journal.jsonl",
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


@pytest.mark.parametrize("change", ["remove", "exchange"])
def test_doctor_verify__library_with_a_lost_or_exchanged_entry__names_its_file(
    run, undamaged, tmp_path, change
):
    for name, more in (("ten", []), ("wear", ["--no-text"])):
        adapter = tmp_path / name
        run("adapt", undamaged / "feature store" / "artifact", "--out", adapter, *more)
        run("library", "add", tmp_path / "skills", adapter)
    entries = tmp_path / "skills" / "entries"
    if change == "remove":
        (entries / "ten.adapter").unlink()
    else:
        shutil.copy(entries / "wear.adapter", entries / "ten.adapter")

    result = run("doctor", "--verify", tmp_path / "skills", "--json")

    assert result.code == 3
    wrong = [check for check in result.document["checks"] if check["status"] == "problem"]
    assert [check["name"] for check in wrong] == ["entries/ten.adapter"]


def test_doctor__damaged_file_of_the_package__is_a_problem_with_the_remedy(
    run, tmp_path, monkeypatch
):
    assets = shutil.copytree(TINY.parent, tmp_path / "assets")
    monkeypatch.setattr(encoder_source, "TINY", assets / "tiny")
    damaged = assets / "peers" / "maml" / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")

    result = run("doctor", "--json")

    (check,) = (check for check in result.document["checks"] if check["status"] == "problem")
    assert check["name"] == "files of the package"
    assert re.search(rf"{damaged} is damaged.*pip install", check["detail"])
    assert result.code == 1


def test_doctor_verify__evaluation_with_a_report__has_nothing_to_note(run, folder):
    assert run("report", folder / "evaluation" / "artifact").code == 0

    checks = run("doctor", "--verify", folder / "evaluation", "--json").document["checks"]

    assert {check["status"] for check in checks} == {"ok"}
    assert "artifact/report.json" in {check["name"] for check in checks}


def test_doctor_verify__document_without_its_proof__is_noted(run, folder):
    path = folder / "feature store" / "artifact" / "store.json"
    path.write_text(path.read_text().replace('"proof"', '"prooq"'))

    checks = run("doctor", "--verify", folder, "--json").document["checks"]

    noted = {check["name"]: check["detail"] for check in checks if check["status"] == "note"}
    assert set(noted) == {"feature store/artifact/store.json"}
    assert "has no SHA-256, so damage" in noted["feature store/artifact/store.json"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere", "there is no folder"),
        ("", "can be checked: give a folder that metaadapter wrote"),
    ],
    ids=["missing", "of something else"],
)
def test_doctor_verify__folder_that_cannot_be_checked__is_told(run, tmp_path, name, reason):
    result = run("doctor", "--verify", tmp_path / name)

    assert result.code == 3
    assert reason in result.err
