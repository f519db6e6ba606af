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

from tests.contract.test_install_page import PAGE

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


def test_container__runs_metaadapter_as_a_user_without_rights(instructions):
    names = [name for name, _ in instructions]

    assert values(instructions, "USER") == ["metaadapter"]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]
    assert values(instructions, "ENTRYPOINT") == ['["metaadapter"]']
    (port,) = values(instructions, "EXPOSE")
    assert values(instructions, "CMD") == [f'["serve", "--port", "{port}"]']


def test_container__keeps_neither_caches_nor_the_tools_of_its_build(instructions):
    runs = values(instructions, "RUN")
    last_stage = [name for name, _ in instructions[::-1]].index("FROM")

    for run in runs:
        if re.search(r"pip install|uv build", run):
            assert "--no-cache" in run
    copied = [rest for name, rest in instructions[-last_stage:] if name == "COPY"]
    assert copied == ["--from=build /opt/metaadapter /opt/metaadapter"]
    assert len(values(instructions, "FROM")) == 2


def test_container__arguments__choose_the_variant_and_extras_that_exist(instructions):
    defaults = dict(rest.split("=", 1) for rest in values(instructions, "ARG"))

    assert defaults["TORCH_BACKEND"] == "cpu"
    assert {*defaults["EXTRAS"].split(",")} <= EXTRAS.keys()
    assert "serve" in defaults["EXTRAS"].split(",")


def test_container__lines_of_its_head_and_of_the_page__name_its_arguments(instructions):
    names = {rest.split("=", 1)[0] for rest in values(instructions, "ARG")}
    lines = [*FILE.read_text(encoding="utf-8").splitlines(), *PAGE.splitlines()]
    builds = [
        line.lstrip("# ") for line in lines if re.search(r"^[# ]*(podman|docker) build", line)
    ]

    assert len(builds) == 4
    for line in builds:
        assert str(FILE.relative_to(ROOT)) in line
        assert {*re.findall(r"--build-arg (\w+)=", line)} <= names
    assert any("cu" in line for line in builds)


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
