"""The commands of examples/camera_trap run one after the other, as its page says."""

from __future__ import annotations

import csv
import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

from metaadapter.apps.cli.app import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "camera_trap"
SHOWN = ["deer", "", "fox", "deer", "", "fox", "deer", "fox"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_example__by_its_page__names_every_animal_and_no_branch(tmp_path, monkeypatch):
    shutil.copy(EXAMPLE / "draw.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```sh\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)

    for line in block.splitlines():
        program, *arguments = shlex.split(line.partition(" > ")[0], comments=True)
        if program == "python":
            monkeypatch.setattr("sys.argv", ["draw.py"])
            runpy.run_path("draw.py", run_name="__main__")
        else:
            assert main(arguments) == 0

    with Path("timelapse.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            shown = SHOWN[int(row["File"][:4]) // 3]
            assert row["Species"] in ([shown] if shown else ["empty", "background"])
    assert Path("branches.csv").read_text().count("brook") == 2 * 24
