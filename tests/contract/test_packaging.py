"""The wheel that users install, the sdist, and that the wheel works in a fresh environment."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("metaadapter", "episodes")
NOT_IN_WHEEL = Path("metaadapter/assets/peers")
MOST_BYTES = 31_000_000
LISTED = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")


def build(target, folder):
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("metaadapter-*")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"))


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


def test_wheel__holds_every_file_of_both_packages_but_weights_for_comparisons(unpacked):
    in_checkout = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    left_out = {path for path in in_checkout if path.is_relative_to(NOT_IN_WHEEL)}

    in_wheel = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}

    assert left_out
    assert in_checkout - in_wheel == left_out
    assert {Path(package, "py.typed") for package in PACKAGES} <= in_wheel


def test_wheel__in_an_empty_folder__gives_the_public_face(unpacked, tmp_path):
    code = "import metaadapter, episodes; from metaadapter import *; print(metaadapter.__file__)"

    printed = run_far_from_the_checkout(code, unpacked, tmp_path)

    assert printed == str(unpacked / "metaadapter" / "__init__.py")


def test_wheel__takes_less_than_30_mb(wheel):
    assert wheel.stat().st_size < MOST_BYTES


def test_sdist__holds_every_file_of_the_repository(tmp_path):
    listed = subprocess.run([*LISTED], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git repository")
    in_repository = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}

    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {member.name.split("/", 1)[1] for member in archive if member.isfile()}

    assert in_repository - names <= {".gitignore"}
    assert names - in_repository == {"PKG-INFO"}


def environment_without_a_compiler(folder, wheel):
    """A fresh environment with the wheel; its dependencies are those of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    Path(asked.stdout.strip(), "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return {"PATH": str(folder / "bin"), "HOME": str(folder), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="scripts lie in another folder there")
def test_wheel__fresh_environment_without_a_compiler__adapts_and_predicts(wheel, tmp_path):
    environment = environment_without_a_compiler(tmp_path / "fresh", wheel)
    far = tmp_path / "far"
    far.mkdir()

    def run(*words):
        command = [tmp_path / "fresh" / "bin" / "metaadapter", *map(str, words), "--json"]
        done = subprocess.run(
            command, cwd=far, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (package,) = (tmp_path / "fresh").glob("lib/python*/site-packages/metaadapter")
    pictures = package / "assets" / "demo" / "pictures"
    run("adapt", pictures, "--out", "wear")
    predicted = run("predict", "wear", pictures / "dress")["predictions"]

    n_dress = len([*(pictures / "dress").iterdir()])
    assert sum(row["label"] == "dress" for row in predicted) > n_dress / 2
