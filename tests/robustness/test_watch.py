"""No command opens a connection or looks up a name, and none writes outside its outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from shutil import copy

import pytest

from benchmarks.robustness.artifacts import TRAINING
from tests.robustness import watched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not watched.IS_POSSIBLE, reason="needs seccomp filters of Linux"),
]
COMMANDS = """\
demo --out out/demo
encode in/labelled --out out/store
adapt in/labelled --out out/a
adapt out/store --out out/a.adapter --mode finetune
adapt --names hat,dress --out out/named
add out/a.adapter cap in/new
predict out/a in/new --out out/t.csv --export timelapse:out/l.csv --burst 5
predict out/a in/new --export megadetector:out/m.json
predict out/a in/new --together --out out/b --export camtrap-dp:out/package
export out/a --onnx out/a.onnx --pixels
library add out/library out/a --name a
library predict out/library in/new
library identify out/library in/new
library list out/library
library remove out/library a
evaluate out/store --out out/run --shots 1 --seeds 2 --methods closed-form,zero-shot --jobs 2
report out/run
train in/training.toml --out out/training
doctor
doctor --advise in/labelled --page out/advice.html
doctor --verify out/a
"""


@pytest.fixture
def watch(tmp_path):
    """Runs commands under the watch, in an empty folder, with an empty home."""
    for name in ("home", "temporary", "work"):
        (tmp_path / name).mkdir()

    def run(commands):
        (tmp_path / "commands.json").write_text(json.dumps(commands))
        environment = {
            **{name: value for name, value in os.environ.items() if "TELEMETRY" not in name},
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "temporary"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CI"):
            environment.pop(name, None)
        return subprocess.run(
            [sys.executable, watched.__file__, str(tmp_path / "commands.json")],
            cwd=tmp_path / "work",
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


def test_watch__name_that_is_looked_up__ends_the_process(watch, tmp_path):
    code = "import socket; socket.getaddrinfo('example.invalid', 80)"
    (tmp_path / "own.py").write_text(f"{code}\n\ndef encoder():\n    pass\n")
    command = f"adapt --names hat,dress --out x --encoder {tmp_path}/own.py:encoder"

    assert watch([command.split()]).returncode == watched.ENDED


def test_commands__on_pictures__stay_on_the_machine_and_in_their_outputs(watch, tmp_path):
    given = tmp_path / "work" / "in"
    (given / "new").mkdir(parents=True)
    pictures = Path(str(files("metaadapter") / "assets" / "demo" / "pictures"))
    for label in ("dress", "hat", "pants"):
        (given / "labelled" / label).mkdir(parents=True)
        for number, picture in enumerate(sorted((pictures / label).iterdir())[:4]):
            folder = given / "labelled" / label if number < 3 else given / "new"
            copy(picture, folder / picture.name)
    (given / "training.toml").write_text(TRAINING)
    before = {path: path.read_bytes() for path in given.rglob("*") if path.is_file()}

    done = watch([line.split() for line in COMMANDS.splitlines()])

    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["in", "out"]
    written = [path for name in ("home", "temporary") for path in (tmp_path / name).rglob("*")]
    # matplotlib, which draws the figures of a report, keeps a list of the fonts of the machine.
    assert not [path for path in written if path.is_file() and path.parent.name != "matplotlib"]
    assert {path: path.read_bytes() for path in given.rglob("*") if path.is_file()} == before
