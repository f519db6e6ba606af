"""A short one of `python -m benchmarks.robustness.long_run`."""

from __future__ import annotations

import sys

import pytest

from benchmarks.robustness import long_run as module


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.timeout(600)
def test_predict__killed_again_and_again__loses_and_doubles_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["long_run", "--pictures", "600", "--kills", "3"])
    monkeypatch.setattr(module, "MOST_MORE_MIB", 200.0)  # so few pictures do not make it warm

    assert module.main() == 0
