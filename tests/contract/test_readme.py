"""Every block of the README runs, on a few of the demo's photographs."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
INSTALL, MAKE, SMALL, SHELL, PYTHON, PAGE, REAL_CLIP = (
    next(text for language, text in BLOCKS if language == kind and mark in text)
    for kind, mark in (
        ("sh", "pip install"),
        ("bash", "make demo"),
        ("sh", "apt install"),
        ("bash", "metaadapter doctor"),
        ("python", "predict"),
        ("sh", "metaadapter serve"),
        ("bash", "--encoder"),
    )
)


@pytest.fixture(scope="module", autouse=True)
def _load_each_encoder_once():
    """An encoder never changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenEncoder, "load", functools.cache(FrozenEncoder.load))
        yield


def commands(block):
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [line for line in lines if line[:1] == ["metaadapter"]]


def test_readme__blocks__are_all_known_to_these_tests():
    expected = [INSTALL, MAKE, SMALL, SHELL, PYTHON, PAGE, REAL_CLIP]

    assert [text for _, text in BLOCKS] == expected


def test_readme__install_line__names_extras_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"\[([\w,]+)\]", INSTALL)[0].split(",")

    assert set(extras) <= set(project["optional-dependencies"])


@pytest.fixture(scope="module")
def run_lines():
    """The lines of the block that ran in this process: another one may have those before."""
    return []


@pytest.mark.parametrize("arguments", commands(SHELL), ids=" ".join)
def test_readme__shell_line__succeeds(arguments, folder, run_lines, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    lines = commands(SHELL)

    for line in lines[len(run_lines) : lines.index(arguments) + 1]:
        run_lines.append(line)
        assert main(line[1:]) == 0, capsys.readouterr().err


@pytest.mark.slow
def test_readme__python_block__runs_in_a_process_of_its_own(folder):
    done = subprocess.run(
        [sys.executable, "-c", PYTHON], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_readme__python_block__runs_and_saves_an_adapter(folder, monkeypatch):
    monkeypatch.chdir(folder)

    exec(compile(PYTHON, "README.md", "exec"), {})

    assert (folder / "my-adapter-2" / "adapter_config.json").is_file()


def test_training_page__first_line__names_a_configuration_and_runs(folder, monkeypatch):
    page = (ROOT / "docs" / "how-to" / "train-a-generator.md").read_text(encoding="utf-8")
    arguments = commands(BLOCK.findall(page)[0][1])[0]
    shutil.copytree(ROOT / "configs", folder / "configs")
    monkeypatch.chdir(folder)

    shorter = ("optim.steps=2", "optim.tasks_per_draw=2", "validate.tasks=2")
    code = main([*arguments[1:], *(part for value in shorter for part in ("--set", value))])

    assert code == 0
    assert (folder / "quick-run" / "best" / "model.safetensors").is_file()
