"""The workflows of GitHub: their matrix, their rights, and that their commands exist here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
NAMES = ("release", "test")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMANDS = ("python -m", "make", "metaadapter", "test", "git", ".venv/bin/mike")


def read(name):
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))


def steps(name):
    return [step for job in read(name)["jobs"].values() for step in job.get("steps", ())]


def lines(name):
    return [step["run"] for step in steps(name) if "run" in step]


def test_tests__run_on_three_systems_and_every_supported_python():
    matrix = read("test")["jobs"]["test"]["strategy"]["matrix"]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))

    assert {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == supported == ["3.11", "3.12", "3.13"]


def test_tests__lines__are_those_of_contributing_and_of_make():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## Without make\n.*?```sh\n(.*?)```", contributing, re.DOTALL)
    make = re.findall(r"^\t\$\(PIP\) (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    asked = [line for line in lines("test") if line.startswith("python")]

    assert asked == block.splitlines()
    assert [line.removeprefix("python -m pip install ") for line in asked[:2]] == make[:2]


@pytest.mark.parametrize("name", NAMES)
def test_workflow__commands__exist(name):
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    asked = lines(name)
    assert asked
    assert all(line.startswith(COMMANDS) for line in asked)
    verbs = {line.split()[1] for line in asked if line.startswith("make ")}
    assert verbs <= set(phony[1].split())
    extras = re.findall(r"\.\[([\w,]+)\]", " ".join(asked))
    named = {extra for several in extras for extra in several.split(",")}
    assert named <= PYPROJECT["project"]["optional-dependencies"].keys()
    groups = {*re.findall(r"--group (\S+)", " ".join(asked))}
    assert groups <= PYPROJECT["dependency-groups"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_workflow__may_only_read_but_where_it_publishes(name):
    workflow = read(name)

    assert workflow["permissions"] == {"contents": "read"}
    more = {
        job: part["permissions"]
        for job, part in workflow["jobs"].items()
        if part.get("permissions")
    }
    if name == "test":
        assert more == {}
    else:
        assert more == {"publish": {"id-token": "write"}, "pages": {"contents": "write"}}
    assert "secrets." not in (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    assert all("uses" in part or "timeout-minutes" in part for part in workflow["jobs"].values())


def test_release__files_are_built_once_and_tried_before_they_are_published():
    jobs = read("release")["jobs"]
    built = [name for name, job in jobs.items() if "hatchling build" in str(job)]
    taken = [name for name, job in jobs.items() if "actions/download-artifact" in str(job)]

    assert built == ["build"]
    assert taken == ["try", "publish"]
    assert {*jobs["publish"]["needs"]} == {"test", "try"}
    assert jobs["try"]["needs"] == "build"
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    # YAML 1.1 reads the key `on` as true.
    assert "workflow_call" in read("test")[True]
    assert any("hatchling version" in line for line in lines("release"))
