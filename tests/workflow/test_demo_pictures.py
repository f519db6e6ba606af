from __future__ import annotations

import shutil

import pytest

from metaadapter.workflow.demo_pictures import DEMO, HASHES_FILE, demo_pictures
from tools.choose_demo_pictures import write_hashes


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "demo")


def test_demo_pictures__as_they_ship__are_those_of_the_list(copied):
    shipped = (copied / HASHES_FILE).read_bytes()

    write_hashes(copied)

    assert (copied / HASHES_FILE).read_bytes() == shipped
    assert len(demo_pictures().rows) == 160
