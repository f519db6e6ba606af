from __future__ import annotations

import shutil

import pytest

import metaadapter.apps.cli.doctor_checks as checks
from benchmarks.robustness.artifacts import ARTIFACTS
from metaadapter.errors import DataError
from metaadapter.features.encoder import FrozenEncoder


@pytest.fixture
def versions(monkeypatch):
    """What is installed, to be changed by a test; the rest stays as it is."""
    installed = {}
    real = checks._version
    monkeypatch.setattr(checks, "_version", lambda name: installed.get(name, real(name)))
    return installed


def found(run, name):
    document = run("doctor", "--json").document
    return next(check for check in document["checks"] if check["name"] == name)


def test_doctor__healthy_machine__ends_with_0_and_a_line_for_each_thing(run):
    result = run("doctor")

    assert result.code == 0
    assert "PROBLEM" not in result.out
    for name in ("python", "torch", "devices", "threads", "model hub cache", "encoder tiny"):
        assert f"  {name}: " in result.out


def test_doctor__json__is_one_document_with_the_promised_keys(run):
    document = run("doctor", "--json").document

    assert document["schema"] == "metaadapter.doctor/1"
    assert set(document) == {"schema", "healthy", "checks"}
    assert set(document["checks"][0]) == {"name", "status", "detail"}
    assert {check["status"] for check in document["checks"]} <= {"ok", "note"}


def test_doctor__tiny_damaged__is_a_problem(run, monkeypatch):
    def fail(*_, **__):
        raise DataError("model.safetensors is cut off")

    monkeypatch.setattr(FrozenEncoder, "load", fail)

    result = run("doctor")

    assert result.code == 1
    assert "PROBLEM  encoder tiny: model.safetensors is cut off" in result.out


def test_doctor__torch_too_old__is_a_problem_with_the_remedy(run, versions):
    versions["torch"] = "2.1.0"

    check = found(run, "torch")

    assert check["status"] == "problem"
    assert check["detail"] == "2.1.0 is too old: `pip install -U 'torch>=2.6'`"


@pytest.mark.parametrize("version", ["2.15.0+cu132", "2.6.0+debian", "2.6+cpu"])
def test_doctor__torch_of_some_build__is_as_new_as_its_public_version(run, versions, version):
    versions["torch"] = version

    check = found(run, "torch")

    assert (check["status"], check["detail"]) == ("ok", version)


def test_doctor__numpy_held_back_by_qpth__is_a_note_with_the_remedy(run, versions):
    versions |= {"numpy": "1.26.4", "qpth": "0.0.18"}

    check = found(run, "numpy")

    assert check["status"] == "note"
    assert "held below 2 by qpth" in check["detail"]


@pytest.mark.parametrize("name", ["pyarrow", "matplotlib", "onnx", "onnxruntime"])
def test_doctor__optional_package_missing__is_a_note_of_what_needs_it(run, versions, name):
    versions[name] = None

    assert found(run, name)["status"] == "note"
    assert f"pip install {name}" in found(run, name)["detail"]


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    """A feature store, an adapter, a generator, an evaluation and a training run."""
    folder = tmp_path_factory.mktemp("undamaged")
    for kind, artifact in ARTIFACTS.items():
        (folder / kind).mkdir()
        artifact.make(folder / kind / "it", folder / "feature store" / "it")
    return folder


@pytest.fixture
def folder(undamaged, tmp_path):
    return shutil.copytree(undamaged, tmp_path / "folder")


def test_doctor_verify__undamaged_folder__names_each_file(run, folder):
    result = run("doctor", "--verify", folder, "--json")

    assert result.code == 0
    names = {check["name"] for check in result.document["checks"]}
    assert {
        "feature store/it/features-0001.npy",
        "adapter/it/adapter_config.json",
        "generator/it/model.safetensors",
        "evaluation/it/confusion.csv",
        "evaluation/it/journal.jsonl",
        "training run/it/checkpoint.safetensors",
    } <= names


@pytest.mark.parametrize(
    "name",
    [
        "feature store/it/features-0001.npy",
        "feature store/it/store.json",
        "adapter/it/support.safetensors",
        "generator/it/model.safetensors",
        "evaluation/it/rows.csv",
        "evaluation/it/journal.jsonl",
        "training run/it/checkpoint.safetensors",
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


def test_doctor_verify__evaluation_with_a_report__has_nothing_to_note(run, folder):
    assert run("report", folder / "evaluation" / "it").code == 0

    checks = run("doctor", "--verify", folder / "evaluation", "--json").document["checks"]

    assert {check["status"] for check in checks} == {"ok"}
    assert "it/report.json" in {check["name"] for check in checks}


def test_doctor_verify__document_without_its_proof__is_noted(run, folder):
    path = folder / "feature store" / "it" / "store.json"
    path.write_text(path.read_text().replace('"proof"', '"prooq"'))

    checks = run("doctor", "--verify", folder, "--json").document["checks"]

    noted = {check["name"]: check["detail"] for check in checks if check["status"] == "note"}
    assert set(noted) == {"feature store/it/store.json"}
    assert "an older version wrote it, or it is damaged" in noted["feature store/it/store.json"]


def test_doctor_verify__folder_that_is_not_there__is_told(run, tmp_path):
    result = run("doctor", "--verify", tmp_path / "nowhere")

    assert result.code == 3
    assert "there is no folder" in result.err


def test_doctor_verify__folder_of_something_else__is_told(run, tmp_path):
    result = run("doctor", "--verify", tmp_path)

    assert result.code == 3
    assert "can be checked: expected a folder that this or a later version of" in result.err
