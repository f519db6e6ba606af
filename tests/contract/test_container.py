"""The container file: its rights and names, and its build as far as it goes without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tools" / "container" / "Containerfile"
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]


@pytest.fixture(scope="module")
def instructions():
    """Pairs of instruction and rest, in order; lines that go on are joined."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def values(instructions, kind):
    return [rest for name, rest in instructions if name == kind]


def test_container__arguments__choose_the_variant_and_extras_that_exist(instructions):
    defaults = dict(rest.split("=", 1) for rest in values(instructions, "ARG"))

    assert defaults["TORCH_BACKEND"] == "cpu"
    assert {*defaults["EXTRAS"].split(",")} <= EXTRAS.keys()
    assert "serve" in defaults["EXTRAS"].split(",")


def test_container__what_it_copies__gives_the_whole_wheel(instructions, tmp_path):
    copied = [rest for rest in values(instructions, "COPY") if not rest.startswith("--from")]
    for rest in copied:
        *names, target = rest.split()
        place = tmp_path / target.strip("/")
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, place)

    listed = [_files_of_the_wheel(folder, tmp_path) for folder in (tmp_path / "source", ROOT)]

    assert listed[0] == listed[1]


def _files_of_the_wheel(folder, tmp_path):
    out = tmp_path / f"wheel-of-{folder.name}"
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, str(out)], cwd=folder, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())
