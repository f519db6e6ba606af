"""No output replaces an input, another output, or a file that its command has not written."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.apps.cli.app import main

ANSWERS = b'{"info": {"format_version": "1.6", "classifier": "metaadapter animals"}, "images": []}'


@pytest.fixture(scope="module")
def made(tmp_path_factory, adapter, labelled, unlabelled):
    """A folder with artifacts of the program and files of the user."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(unlabelled, folder / "new")
    shutil.copytree(labelled, folder / "labelled")
    shutil.copytree(adapter, folder / "animals")
    store_adapter(folder / "a.adapter", load_adapter(adapter))
    (folder / "q.csv").write_text("path\nnew/lynx-0.png\n")
    (folder / "d.json").write_bytes(ANSWERS)
    (folder / "notes.txt").write_text("heron\nlynx\n")
    (folder / "thesis.csv.db").write_text("chapter,pages\n1,20\n")
    with contextlib.chdir(folder):
        assert main(["predict", "a.adapter", "new", "--out", "table.csv"]) == 0
        assert main(["library", "add", "library", "a.adapter", "--name", "ten"]) == 0
        assert main(["library", "add", "library", "a.adapter", "--name", "wear"]) == 0
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, made):
    """A copy of that folder, with two links; the program runs in it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hard.csv").hardlink_to("table.csv")
    (tmp_path / "soft.csv").symlink_to("q.csv")
    return tmp_path


def contents(folder):
    return {
        path: path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and not path.name.endswith(".lock"))
    }


@pytest.mark.parametrize(
    "command",
    [
        "predict a.adapter q.csv --out ./new/../q.csv",
        "predict a.adapter table.csv --out hard.csv",
        "predict a.adapter new --out soft.csv",
        "predict a.adapter new --out new/lynx-0.png",
        "predict a.adapter new --out notes.txt",
        "predict a.adapter new --out thesis.csv",
        "predict a.adapter new --together --out a.adapter",
        "predict a.adapter new --together --out out --export coco:out/boxes.json",
        "predict a.adapter new --out x.csv --export timelapse:X.csv",
        "predict a.adapter new --out x.csv --export timelapse:x.csv.db",
        "predict a.adapter new --export coco:boxes.json --export cvat:boxes.json",
        "predict a.adapter new --export megadetector:notes.txt",
        "predict a.adapter new --detections d.json --export megadetector:d.json",
        "export a.adapter --onnx new/lynx-0.png",
        "export a.adapter --onnx model --tflite model",
        "doctor --advise labelled --page q.csv",
        "encode labelled --out library",
        "train notes.txt --out animals",
    ],
)
def test_output__in_the_place_of_something_else__is_refused(run, place, command):
    before = contents(place)

    done = run(*command.split())

    assert done.code in (2, 3), done
    assert contents(place) == before


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("predict a.adapter new --out {}", "table.csv"),
        ("predict a.adapter new --together --out {}", "b.adapter"),
        ("adapt labelled --out {} --encoder ENCODER", "animals"),
        ("encode labelled --out {} --encoder ENCODER", "store"),
        ("doctor --advise labelled --page {} --encoder ENCODER", "advice.html"),
    ],
)
def test_output__of_the_same_command__is_replaced(run, place, encoder, command, output):
    words = [{"{}": output, "ENCODER": str(encoder)}.get(word, word) for word in command.split()]

    assert [run(*words).code for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    "command",
    [
        "predict {} new",
        "predict a.adapter new --out {}",
        "adapt {} --out out",
        "adapt labelled --out {}",
        "adapt ~nosuch/x --out out",
        "encode {} --out store",
        "add {} owl new",
        "export a.adapter --onnx {}",
        "library list {}",
        "evaluate {} --out run",
        "train {}",
        "doctor --verify {}",
    ],
)
def test_name__too_long_or_of_an_unknown_user__is_named(run, place, command):
    name = "x" * 300

    done = run(*command.replace("{}", name).split(" "))

    assert done.code in (2, 3, 4), done
    assert "Traceback" not in done.err
    assert name in done.err or "~nosuch" in done.err
