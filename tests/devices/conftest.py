from __future__ import annotations

import pytest

from tests.training.conftest import TINY_RUN


@pytest.fixture
def tiny_run(tmp_path):
    """The file of a run of a few small steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_RUN, encoding="utf-8")
    return path
