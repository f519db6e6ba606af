"""The wheel that users install: its list of files, and that it works far from a checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("metaadapter", "episodes")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_far_from_the_checkout(code, unpacked, tmp_path):
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_wheel__holds_every_file_of_both_packages(unpacked):
    in_checkout = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    in_wheel = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}

    assert in_checkout <= in_wheel
    assert {Path(package, "py.typed") for package in PACKAGES} <= in_wheel


def test_wheel__holds_nothing_else_but_its_own_papers(unpacked):
    top_level = {path.name for path in unpacked.iterdir()}

    assert top_level == {*PACKAGES, "metaadapter-0.1.0.dist-info"}
    assert (unpacked / "metaadapter-0.1.0.dist-info" / "licenses" / "LICENSE").is_file()


def test_wheel__in_an_empty_folder__gives_the_public_face(unpacked, tmp_path):
    code = "import metaadapter, episodes; from metaadapter import *; print(metaadapter.__file__)"

    printed = run_far_from_the_checkout(code, unpacked, tmp_path)

    assert printed == str(unpacked / "metaadapter" / "__init__.py")


def test_wheel__script__is_the_command_app(unpacked):
    entry_points = unpacked / "metaadapter-0.1.0.dist-info" / "entry_points.txt"

    assert "metaadapter = metaadapter.__main__:main" in entry_points.read_text("utf-8")
