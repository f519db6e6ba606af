"""Pages and comments name files of this repository that are there."""

from __future__ import annotations

import re

import pytest

from tests.contract.test_docs_blocks import PAGES, ROOT, name

FOLDERS = ("metaadapter", "episodes", "tests", "tools", "configs", "benchmarks", "examples")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")
MENTION = re.compile(r"docs/[\w/-]+\.md")


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=name)
def test_page__names_files_that_are_there(page):
    named = PATH.findall(page.read_text(encoding="utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_architecture__files_of_each_layer__are_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = []

    for line in text.split("## In which order to read")[1].split("\n\n")[1].split("\n"):
        folder = ROOT
        for layer, path in re.findall(r"\*\*(\w+)\*\*|`([\w/]+(?:\.py|/))`", line):
            if layer:
                folder = ROOT / layer if layer == "episodes" else ROOT / "metaadapter" / layer
            elif not any(folder.glob(f"**/{path}")):
                missing.append(f"{folder.name}: {path}")
    ways = re.findall(r"^ *((?:\w+/)+\w+\.py) ", text, re.MULTILINE)
    assert ways
    assert [*missing, *(path for path in ways if not (ROOT / "metaadapter" / path).exists())] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_code__names_pages_that_are_there(folder):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".toml", ".js"}]

    named = {page for file in files for page in MENTION.findall(file.read_text(encoding="utf-8"))}
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []
