"""The citation, the deposit at Zenodo, the changelog and the version agree."""

from __future__ import annotations

import json
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
