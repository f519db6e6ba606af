"""The page on installing names extras, files, commands and versions that exist."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.contract.test_docs_blocks import ROOT

PAGE = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line.strip()
    for _, block in re.findall(r"^ *```(sh|powershell)\n(.*?)^ *```$", PAGE, re.M | re.S)
    for line in block.splitlines()
]


def test_install__lines__name_extras_of_the_project():
    extras = re.findall(r"\[([\w,]+)\](?!\()", " ".join([*LINES, *re.findall(r"`([^`]+)`", PAGE)]))

    named = {extra for several in extras for extra in several.split(",")}
    assert "serve" in named
    assert named <= PROJECT["optional-dependencies"].keys()


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("metaadapter")])
def test_install__commands__have_these_options(line):
    from typer.main import get_command

    from metaadapter.apps.cli.app import app

    _, command, *options = line.split()
    known = {name for one in get_command(app).commands[command].params for name in one.opts}
    assert {*options} <= known


def test_readme__leads_to_it_before_anything_else():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    install = readme.split("## Install", 1)[1].split("```", 1)[0]

    assert "](docs/how-to/install.md)" in install
