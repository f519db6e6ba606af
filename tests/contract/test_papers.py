"""The citation, the deposit at Zenodo, the changelog and the version agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_citation__is_cff_and_agrees_with_pyproject(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert (citation["title"], citation["version"]) == (project["name"], project["version"])
    assert citation["license"] == project["license"]
    assert citation["abstract"].rstrip(".") == project["description"]


def test_zenodo__agrees_with_the_citation_and_pyproject(project):
    deposit = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert (deposit["title"], deposit["version"]) == (project["name"], project["version"])
    assert deposit["description"] == project["description"]
    assert deposit["license"] == project["license"]
    assert deposit["keywords"] == project["keywords"]
    assert deposit["creators"] == citation["authors"]
    assert (deposit["upload_type"], deposit["access_right"]) == ("software", "open")


def test_changelog__opens_with_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert text.index("## [Unreleased]") == text.index("## [")


def test_changelog__version__has_its_section_or_is_not_released_yet(project):
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    sections = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    released = [(version, date) for version, date in sections if version != "Unreleased"]
    assert all(date for _, date in released)
    assert released == sorted(released, key=lambda one: one[1], reverse=True)
    assert not released or released[0][0] == project["version"]


def test_contributing__release__names_every_place_of_the_version(project):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    release = text.split("## A release\n", 1)[1].split("\n## ", 1)[0]
    steps = re.findall(r"^\d+\. ", release, re.MULTILINE)

    assert len(steps) >= 5
    for name in ("pyproject.toml", "CITATION.cff", ".zenodo.json", "docs/how-to/install.md"):
        assert f"`{name}`" in release
        assert project["version"] in (ROOT / name).read_text(encoding="utf-8")
    assert "mike deploy" in release
