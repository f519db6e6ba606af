from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.field import series as module
from metaadapter.apps.field.cameras import camera_folder
from metaadapter.apps.field.frames import Frame, in_parts
from metaadapter.apps.field.series import in_series
from metaadapter.data.table import ImageRow

START = datetime(2025, 5, 4, 6)


def at(path, seconds):
    time = None if seconds is None else START + timedelta(seconds=seconds)
    return Frame(ImageRow(Path(path), None), None, time)


def paths(series):
    return [[str(frame.row.path) for frame in group] for group in series]


def test_series__gaps_up_to_the_limit__belong_together_camera_by_camera():
    frames = [at("a/1", 0), at("b/1", 1), at("a/2", 5), at("a/3", 11), at("b/2", 3)]

    series = in_series(frames, 5.0)

    assert paths(series) == [["a/1", "a/2"], ["a/3"], ["b/1", "b/2"]]
    assert [frame.series for frame in series[0]] == ["a/1", "a/1"]


def test_series__frames_out_of_order_or_without_a_time__are_sorted_and_alone():
    series = in_series([at("a/1", None), at("a/3", 2), at("a/2", 0), at("a/4", None)], 5.0)

    assert paths(series) == [["a/2", "a/3"], ["a/1"], ["a/4"]]


def test_series__folders_of_a_memory_card__are_one_camera():
    assert camera_folder(Path("brook/DCIM/100RECNX/1.jpg")) == Path("brook")
    assert camera_folder(Path("brook/2024/1.jpg")) == Path("brook/2024")

    series = in_series([at("brook/DCIM/100RECNX/9", 0), at("brook/DCIM/101RECNX/1", 1)], 5.0)

    assert len(series) == 1


def test_series__camera_that_never_rests__is_cut_into_pieces(monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_SERIES", 4)

    series = in_series([at(f"a/{n}", n) for n in range(10)], 5.0)

    assert [len(group) for group in series] == [4, 4, 2]
    assert len({frame.series for group in series for frame in group}) == 3


@given(st.lists(st.integers(1, 9)), st.integers(1, 20))
def test_parts__any_groups__keep_each_whole_and_none_larger_than_it_must_be(sizes, limit):
    groups = [[at(f"{number}/{n}", n) for n in range(size)] for number, size in enumerate(sizes)]

    parts = list(in_parts(groups, limit))

    assert [frame for part in parts for frame in part] == [f for group in groups for f in group]
    folders = [{frame.row.path.parent for frame in part} for part in parts]
    assert all(not one & other for one, other in pairwise(folders))
    assert all(
        len(part) <= limit or len(found) == 1 for part, found in zip(parts, folders, strict=True)
    )
