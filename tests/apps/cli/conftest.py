from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from metaadapter.apps.cli.app import main
from tests.small_pictures import (  # noqa: F401
    adapter,
    blurred,
    encoder,
    labelled,
    load_each_encoder_once,
    loaded,
    other_encoder,
    picture,
    store_of,
    unlabelled,
)


class Run(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """The program, in this process."""

    def program(*arguments: object) -> Run:
        code = main([str(argument) for argument in arguments])
        return Run(code, *capsys.readouterr())

    return program


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the labelled pictures that may be written to."""
    return shutil.copytree(request.getfixturevalue("labelled"), tmp_path / "pictures")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that rich takes for a wide terminal."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def adapt(request: pytest.FixtureRequest) -> Callable[..., Run]:
    """`metaadapter adapt SOURCE …` with the small encoder, into tmp_path/adapter or `out`."""
    return _command(request, "adapt", "adapter")


@pytest.fixture
def encode(request: pytest.FixtureRequest) -> Callable[..., Run]:
    """`metaadapter encode SOURCE …` by the small encoder, into tmp_path/store or `out`."""
    return _command(request, "encode", "store")


def _command(request: pytest.FixtureRequest, name: str, place: str) -> Callable[..., Run]:
    run, clip, folder = map(request.getfixturevalue, ("run", "encoder", "tmp_path"))

    def command(source: object, *more: object, out: Path = folder / place, looks: str = "") -> Run:
        return run(name, source, "--out", out, "--encoder", f"{clip}{looks}", *more)

    return command


@pytest.fixture
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A manifest of several labels: pictures of one class, and of two classes side by side."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    paths = sorted(request.getfixturevalue("labelled").glob("*/*.png"))
    rows = []
    for number, one in enumerate(paths):
        other = paths[(number + 4) % len(paths)]
        shutil.copy(one, folder / f"{number}.png")
        with Image.open(one) as left, Image.open(other) as right:
            both = Image.new("RGB", (2 * left.width, left.height))
            both.paste(left, (0, 0))
            both.paste(right.resize(left.size), (left.width, 0))
        both.save(folder / f"both-{number}.png")
        rows += [(f"{number}.png", one.parent.name)]
        rows += [(f"both-{number}.png", ";".join(sorted({one.parent.name, other.parent.name})))]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *rows])
    return folder / "labels.csv"
