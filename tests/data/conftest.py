from __future__ import annotations

import pytest


@pytest.fixture
def add(tmp_path):
    """Makes files of unlike content in the folder of the test, and gives that folder."""

    def add_files(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return add_files
