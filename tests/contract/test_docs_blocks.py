"""The pages of docs/: their python and bash blocks run, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaadapter.apps.cli.app import main
from tools import reference_pages

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TINY = """\
[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 8, width = 16 }

[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 2

[optim]
steps = 2
tasks_per_draw = 2
"""
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def pictures(folder):
    """A user's folder with the scripts, configurations and data that pages name."""
    shutil.copytree(ROOT / "docs" / "data", folder / "docs" / "data")
    for path in (folder / "train.toml", folder / "configs" / "train" / "quick.toml"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TINY, encoding="utf-8")
    for part in ("img_emb", "metadata"):  # as clip-retrieval writes them
        (folder / "laion" / part).mkdir(parents=True)
    rows = np.random.default_rng(0).standard_normal((4, 512)).astype(np.float16)
    np.save(folder / "laion" / "img_emb" / "img_emb_0.npy", rows)
    table = pd.DataFrame({"image_path": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"], "label": [*"abab"]})
    table.to_parquet(folder / "laion" / "metadata" / "metadata_0.parquet")
    return folder


def name(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    # Tutorials run as notebooks (test_notebooks.py).
    [page for page in PAGES if page.parent.name != "tutorials"],
    ids=name,
)
def test_docs__blocks__run_one_after_the_other(page, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(pictures, tmp_path / "a user's folder"))
    names = {"__name__": "__main__"}

    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, name(page), "exec"), names)  # what a reader would type
            continue
        for program, *arguments in (shlex.split(line, comments=True) for line in text.splitlines()):
            assert program == "metaadapter"
            assert main(arguments) == 0


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=name)
def test_docs__relative_links_and_images__lead_to_files_and_headings(page):
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page

        assert linked.exists(), target
        assert not heading or heading in headings(linked), f"{target}#{heading}"


def test_docs__navigation_and_index__list_every_page():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]

    listed = re.findall(r"^ +- (?:.+: )?(\S+\.md)$", navigation, re.MULTILINE)
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES}
    assert sorted(listed) == sorted({*pages, *(page for page, _ in reference_pages.PAGES.values())})
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {target for target, _ in LINK.findall(index) if target}
    sources = {f"../{source}" for source in reference_pages.PAGES}
    assert {target for target in linked if not target.startswith("img/")} | {"index.md"} == (
        pages | sources
    )


def headings(page):
    """The addresses that the headings of a page get."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w]+", "-", title.lower()).strip("-") for title in titles}
