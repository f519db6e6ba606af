"""What a job does in its process; test_encode_on_ray.py runs jobs on a cluster."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from metaadapter.apps.cluster.connection import connected
from metaadapter.apps.cluster.jobs import Failure, _run
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError, IncompatibleArtifact, MissingPackage


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Does work as a job; the folder of this process is that of before at the end."""
    monkeypatch.chdir(Path.cwd())
    return partial(_run, folder=str(tmp_path), release=version("metaadapter"))


def fails(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (IncompatibleArtifact("old"), Failure(IncompatibleArtifact, "old")),
        (UnreadableImage("a.png", "torn"), Failure(DataError, "cannot read a.png: torn")),
    ],
)
def test_job__an_error_on_purpose__is_returned_with_its_kind(run, error, expected):
    assert run(fails(error)) == expected


def test_job__an_error_of_the_machine__names_the_machine(run):
    failure = run(fails(MemoryError()))

    assert failure.kind is DataError
    assert failure.message.startswith("on the machine ")
    assert "memory" in failure.message


def test_job__a_mistake_in_the_program__is_raised(run):
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_job__on_a_machine_of_another_version__is_refused(run):
    failure = run(print, release="0.0.0")

    assert "install the same version everywhere" in failure.message


def test_connected__without_ray__says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(os, "environ", dict(os.environ))

    with pytest.raises(MissingPackage, match=r"metaadapter\[ray\]"), connected(None):
        pass
