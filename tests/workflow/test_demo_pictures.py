from __future__ import annotations

import shutil

import pytest

from metaadapter.errors import DataError
from metaadapter.workflow.demo_pictures import DEMO, HASHES_FILE, PICTURES, demo_pictures
from tools.choose_demo_pictures import write_hashes


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "demo")


def test_demo_pictures__as_they_ship__are_those_of_the_list(copied):
    shipped = (copied / HASHES_FILE).read_bytes()

    write_hashes(copied)

    assert (copied / HASHES_FILE).read_bytes() == shipped
    assert len(demo_pictures().rows) == 160


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda file: file.write_bytes(file.read_bytes() + b"0"), "is damaged or was changed"),
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.rename(file.with_name("x.jpg")), "is missing"),
        (lambda file: shutil.copy(file, file.with_name("x.jpg")), "is no photograph of the demo"),
    ],
)
def test_demo_pictures__with_another_content__are_told_with_the_remedy(copied, change, fault):
    change(sorted((copied / PICTURES / "hat").iterdir())[0])

    with pytest.raises(DataError, match=rf"pictures/hat/.*jpg {fault}; restore it .*pip install"):
        demo_pictures(copied)
