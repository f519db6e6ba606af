"""Writes a notebook beside each tutorial: python -m tools.notebooks.

The pages docs/tutorials/*.md are the only source. Their blocks of `python` and `bash` become cells,
and all else becomes text, with five differences:

- The section *Install* becomes one cell, which installs what is missing, and the link to Colab a
  badge.
- A picture or a block of `text` that follows a cell is its output, which the notebook makes itself.
- A script of examples/ that a page runs is written by a folded cell before. A block that does
  nothing but write a file of code becomes `%%writefile`.
- A block of `sh` stays text, unless its first line ends in `# needs a network`: it becomes a cell
  with the tag `needs a network`.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
# The public address of this project; after a change write the notebooks and the pages' links again.
REPOSITORY = "metaadapter/metaadapter"
FILES = f"https://github.com/{REPOSITORY}/blob/main"
COLAB = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
NETWORK = "needs a network"

Cell = dict[str, Any]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$\n*", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]+\)\n*")
_INSTALL = re.compile(r"^## Install\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
_WRITES = re.compile(r"""Path\("([\w.]+)"\)\.write_text\('''\n(.*)\n'''\)""", re.DOTALL)
_COLAB = re.compile(r"^\[Open in Colab\]\(([^)]+)\).*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Write the notebooks of all tutorials."""
    for page in sorted(TUTORIALS.glob("*.md")):
        page.with_suffix(".ipynb").write_text(notebook(page), encoding="utf-8", newline="\n")


def notebook(page: Path) -> str:
    """The text of the notebook file of a tutorial, in nbformat 4.5 without outputs.

    Raises:
        ValueError: The page has no section *Install*, or no link to its notebook in Colab.
    """
    text, address = page.read_text(encoding="utf-8"), colab_address(page)
    installation, link = _INSTALL.search(text), _COLAB.search(text)
    if installation is None or link is None or link[1] != address:
        raise ValueError(
            f"{page.name} needs a section `## Install` and the link [Open in Colab]({address})"
        )
    (extras,) = re.findall(r"pip install '\.\[([\w,]+)\]'", installation[1])
    start = text[: installation.start()].replace(link[0], f"[![Open in Colab]({BADGE})]({address})")
    cells = [_prose(start), _code(_installation(extras)), *_cells(text[installation.end() :])]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def colab_address(page: Path) -> str:
    """Where Colab opens the notebook of a tutorial."""
    return f"{COLAB}/{page.with_suffix('.ipynb').relative_to(ROOT).as_posix()}"


def _installation(extras: str) -> str:
    return (
        "import importlib.util\nimport os\n\n"
        'os.environ.update(TERM="dumb", COLUMNS="120")  # commands print plain text\n'
        'if importlib.util.find_spec("metaadapter") is None:\n'
        f'    %pip install -q "metaadapter[{extras}]"'
    )


def _cells(text: str) -> Iterator[Cell]:
    """The cells of the text after the installation."""
    written: set[str] = set()
    prose, end, follows_cell = "", 0, False
    for block in _BLOCK.finditer(text):
        between = text[end : block.start()]
        prose += _without_output(between) if follows_cell else between
        end = block.end()
        language, code = block[1], block[2].rstrip()
        is_output = language == "text" and follows_cell and not between.strip()
        cells = [] if is_output else list(_block_cells(language, code, written))
        follows_cell = bool(cells) or is_output
        if cells:
            yield from _sections(prose)
            yield from cells
            prose = ""
        elif not is_output:
            prose += block[0]
    yield from _sections(prose + (_without_output(text[end:]) if follows_cell else text[end:]))


def _block_cells(language: str, code: str, written: set[str]) -> Iterator[Cell]:
    """The cells of a block; none if it is not run."""
    if language == "python":
        writes = _WRITES.fullmatch(code)
        yield _code(f"%%writefile {writes[1]}\n{writes[2]}" if writes else code)
    elif language == "sh" and code.partition("\n")[0].endswith(f"# {NETWORK}"):
        yield _code("\n".join(f"!{line}" for line in code.splitlines()), tags=[NETWORK])
    elif language == "bash":
        for line in code.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program != "python":
                yield _code(f"!{line}")
                continue
            for script in (ROOT / "examples").glob(f"*/{arguments[0]}"):
                if script.name not in written:
                    written.add(script.name)
                    content = script.read_text(encoding="utf-8").rstrip()
                    yield _folded(f"%%writefile {script.name}\n{content}")
            yield _code(f"%run {line.removeprefix('python ')}")


def _without_output(text: str) -> str:
    """The text without a picture at its beginning."""
    return text[match.end() :] if (match := _PICTURE.match(text)) else text


def _sections(text: str) -> Iterator[Cell]:
    """A cell of text for each heading."""
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        if section.strip():
            yield _prose(section)


def _prose(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(_LINK.sub(_absolute, text))}


def _code(code: str, **metadata: Any) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": _lines(code),
    }


def _folded(code: str) -> Cell:
    """A cell whose code is hidden at first, in Colab by `cellView`."""
    return _code(code, cellView="form", jupyter={"source_hidden": True})


def _lines(text: str) -> list[str]:
    return text.strip().splitlines(keepends=True)


def _absolute(link: re.Match[str]) -> str:
    """A relative link of a tutorial with its full address: Colab shows a notebook alone."""
    mark, words, target = link.groups()
    path = posixpath.normpath(posixpath.join("docs/tutorials", target))
    return f"{mark}[{words}]({FILES}/{path}{'?raw=true' if mark else ''})"


if __name__ == "__main__":
    main()
