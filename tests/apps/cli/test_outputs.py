"""No output replaces an input, another output, or a file that its command has not written."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from metaadapter.adapter.files import load_adapter, store_adapter

ANSWERS = b'{"info": {"format_version": "1.6", "classifier": "metaadapter animals"}, "images": []}'
posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")


@pytest.fixture
def place(tmp_path, monkeypatch, run, adapter, labelled, unlabelled):
    """A folder with artifacts of the program and files of the user; the program runs in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(unlabelled, "new")
    shutil.copytree(labelled, "labelled")
    shutil.copytree(adapter, "animals")
    store_adapter(tmp_path / "a.adapter", load_adapter(adapter))
    (tmp_path / "q.csv").write_text("path\nnew/lynx-0.png\n")
    (tmp_path / "pairs.csv").write_text("path,caption\nnew/lynx-0.png,a lynx\nnew/heron-0.png,a\n")
    (tmp_path / "d.json").write_bytes(ANSWERS)
    (tmp_path / "notes.txt").write_text("heron\nlynx\n")
    (tmp_path / "thesis.csv.partial").write_text("chapter,pages\n1,20\n")
    assert run("predict", "a.adapter", "new", "--csv", "table.csv").code == 0
    assert run("library", "add", "library", "a.adapter", "--name", "ten").code == 0
    assert run("library", "add", "library", "a.adapter", "--name", "wear").code == 0
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
        "predict a.adapter q.csv --csv q.csv",
        "predict a.adapter q.csv --csv ./new/../q.csv",
        "predict a.adapter table.csv --csv table.csv",
        "predict a.adapter table.csv --csv hard.csv",
        "predict a.adapter new --csv soft.csv",
        "predict a.adapter new --csv new/lynx-0.png",
        "predict a.adapter new --csv a.adapter",
        "predict a.adapter new --csv animals/adapter_config.json",
        "predict a.adapter new --csv notes.txt",
        "predict a.adapter new --csv thesis.csv",
        "predict a.adapter new --csv new",
        "predict a.adapter new --together --out a.adapter",
        "predict a.adapter new --together --out out --csv out/table.csv",
        "predict a.adapter new --csv x.csv --timelapse x.csv",
        "predict a.adapter new --csv x.csv --timelapse X.csv",
        "predict a.adapter new --csv x.csv --timelapse x.csv.partial",
        "predict a.adapter new --timelapse table.csv",
        "predict a.adapter new --megadetector notes.txt",
        "predict a.adapter new --detections d.json --megadetector d.json",
        "predict a.adapter new --detections d.json --timelapse d.json",
        "predict a.adapter new --detections d.json --false-triggers d.json",
        "rank a.adapter pairs.csv --csv pairs.csv",
        "rank a.adapter new notes.txt --csv notes.txt",
        "library predict library q.csv --csv q.csv",
        "library predict library new --csv library/library.json",
        "library export library ten library/entries/wear.adapter",
        "export a.adapter --onnx new/lynx-0.png",
        "export a.adapter --torch new/lynx-0.png",
        "export a.adapter --torch a.adapter",
        "export a.adapter --onnx model --torch model",
        "doctor --advise labelled --page q.csv",
        "ground a.adapter new/lynx-0.png lynx --out new/lynx-0.png",
        "encode labelled --out animals",
        "encode labelled --out library",
        "adapt labelled --out library",
        "train notes.txt --out animals",
    ],
)
def test_output__in_the_place_of_something_else__is_refused(run, place, command):
    before = contents(place)

    done = run(*command.split())

    assert done.code in (2, 3), done
    assert contents(place) == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("table.csv --csv hard.csv", "--csv hard.csv would replace the input IMAGES table.csv;"),
        ("new --csv x --timelapse x", "--csv x and --timelapse x would overwrite one another;"),
        ("new --csv notes.txt", "notes.txt is not a file that --csv has written, and would be"),
        ("new --csv soft.csv", "--csv soft.csv is a link to {}/q.csv; name that file itself, or"),
    ],
)
def test_output__that_is_refused__is_named_with_its_option(run, place, command, message):
    assert message.format(place) in run("predict", "a.adapter", *command.split()).err


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("predict a.adapter new --csv {}", "table.csv"),
        ("predict a.adapter new --timelapse {}", "t.csv"),
        ("predict a.adapter new --megadetector {}", "m.json"),
        ("predict a.adapter new --camtrap-dp {}", "package"),
        ("predict a.adapter new --together --out {}", "b.adapter"),
        ("rank a.adapter new notes.txt --csv {}", "ranks.csv"),
        ("rank a.adapter new --question which --answers lynx,heron --csv {}", "answers.csv"),
        ("library predict library new --csv {}", "routed.csv"),
        ("library export library ten {}", "ten.adapter"),
        ("export a.adapter --torch {}", "a.pt2"),
        ("adapt labelled --out {} --encoder ENCODER", "animals"),
        ("encode labelled --out {} --encoder ENCODER", "store"),
        ("doctor --advise labelled --page {} --encoder ENCODER", "advice.html"),
    ],
)
def test_output__of_the_same_command__is_replaced(run, place, encoder, command, output):
    words = [{"{}": output, "ENCODER": str(encoder)}.get(word, word) for word in command.split()]

    assert [run(*words).code for _ in range(2)] == [0, 0]


def test_output__empty_file__is_filled(run, place):
    (place / "empty.csv").touch()

    assert run("predict", "a.adapter", "new", "--csv", "empty.csv").code == 0
    assert (place / "empty.csv").read_bytes() == (place / "table.csv").read_bytes()


@pytest.mark.parametrize("name", ["media.csv", "observations.csv", "datapackage.json"])
def test_camtrap_dp__tables_of_another_program__stay(run, place, name):
    (place / "package").mkdir()
    row = '{"resources": [{"name": "mine"}]}' if name.endswith("json") else "observationID\n1\n"
    (place / "package" / name).write_text(row)

    done = run("predict", "a.adapter", "new", "--camtrap-dp", "package")

    assert done.code == 3
    assert name in done.err
    assert (place / "package" / name).read_text() == row


def test_adapt__folder_of_another_programs_adapter__stays(run, place):
    (place / "lora").mkdir()
    (place / "lora/adapter_config.json").write_text('{"peft_type": "LORA"}')
    (place / "lora/adapter_model.safetensors").write_bytes(b"weights")
    before = contents(place)

    assert run("adapt", "labelled", "--out", "lora").code == 3
    assert contents(place) == before


def test_output__link_to_itself__is_named(run, place):
    (place / "loop").symlink_to("loop")

    done = run("ground", "a.adapter", "new", "lynx", "--out", "loop")

    assert done.code == 3
    assert "loop" in done.err


@posix
@pytest.mark.parametrize("more", [[], ["--rank", "lynx"]])
def test_csv__pipe__gets_the_table(run, place, more):
    assert run("predict", "a.adapter", "new", "--csv", "table.csv", *more).code == 0
    os.mkfifo("pipe.csv")
    reader = os.open("pipe.csv", os.O_RDONLY | os.O_NONBLOCK)

    done = run("predict", "a.adapter", "new", "--csv", "pipe.csv", *more)

    assert done.code == 0, done
    assert os.read(reader, 2**16) == (place / "table.csv").read_bytes()
    os.close(reader)
    assert (place / "pipe.csv").is_fifo()
    assert [path.name for path in place.glob("pipe*")] == ["pipe.csv"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no paths of open files")
@pytest.mark.parametrize(
    "command", ["predict a.adapter new", "library predict library new", "rank a.adapter pairs.csv"]
)
def test_csv__own_output__gets_the_table_after_what_it_holds(run, place, command):
    (place / "output").symlink_to("/proc/self/fd/1")
    assert run(*command.split(), "--csv", "expected.csv").code == 0

    with (place / "captured").open("wb", buffering=0) as captured:
        captured.write(b"before\n")
        own = os.dup(1)
        os.dup2(captured.fileno(), 1)
        try:
            done = run(*command.split(), "--csv", "output")
        finally:
            os.dup2(own, 1)
            os.close(own)

    assert done.code == 0, done
    expected = (place / "expected.csv").read_bytes()
    assert (place / "captured").read_bytes() == b"before\n" + expected
    assert (place / "output").is_symlink()


@posix
@pytest.mark.parametrize(
    "option", ["--csv", "--timelapse", "--megadetector", "--torch", "--out", "--camtrap-dp"]
)
def test_output__device__stays_a_device(run, place, option):
    try:
        os.mknod("null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")
    command = ["export", "a.adapter"] if option == "--torch" else ["predict", "a.adapter", "new"]
    together = ["--together"] if option == "--out" else []

    done = run(*command, option, "null", *together)

    assert done.code in ((3,) if option in ("--out", "--camtrap-dp") else (0, 3)), done
    assert (place / "null").is_char_device()
    assert not list(place.glob("null.*"))


@pytest.mark.parametrize(
    "command",
    [
        "predict {} new",
        "predict a.adapter {}",
        "predict a.adapter new --csv {}",
        "predict a.adapter new --megadetector {}",
        "adapt {} --out out",
        "adapt labelled --out {}",
        "adapt labelled --out out --encoder {}",
        "adapt labelled --out out --encoder ~nosuch/x",
        "adapt ~nosuch/x --out out",
        "adapt labelled --out out --generator {}",
        "encode {} --out store",
        "encode labelled --out {}",
        "add {} owl new",
        "add a.adapter owl {}",
        "add a.adapter owl --text owl --out {}",
        "rank {} new notes.txt",
        "rank a.adapter new {}",
        "ground {} new lynx",
        "ground a.adapter new lynx --out {}",
        "export {} --torch a.pt2",
        "export a.adapter --torch {}",
        "library add {} a.adapter",
        "library list {}",
        "library predict {} new",
        "evaluate {} --out run",
        "evaluate table.csv --out run --config {}",
        "report {}",
        "train {}",
        "train --resume {}",
        "study {} --out out",
        "doctor --verify {}",
        "doctor --advise {}",
        "doctor --advise labelled --page {}",
        "demo --out {}",
    ],
)
def test_name__too_long_or_of_an_unknown_user__is_named(run, place, command):
    name = "x" * 300

    done = run(*command.replace("{}", name).split(" "))

    assert done.code in (2, 3, 4), done
    assert "Traceback" not in done.err
    assert name in done.err or "~nosuch" in done.err
