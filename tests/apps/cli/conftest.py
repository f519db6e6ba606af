from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from metaadapter.apps.cli.app import main
from tests.small_pictures import (  # noqa: F401
    adapter,
    blurred,
    encoder,
    labelled,
    load_each_encoder_once,
    other_encoder,
    picture,
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
