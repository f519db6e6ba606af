from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.field.frames import Frame, in_parts
from metaadapter.apps.field.series import in_series, mean_in_series
from metaadapter.data.table import ImageRow
from metaadapter.workflow.prediction.predictions import Probabilities

CLASSES = ["deer", "empty", "fox"]
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


@given(st.lists(st.integers(1, 9)), st.integers(1, 20))
def test_parts__any_groups__keep_each_whole_and_none_larger_than_it_must_be(sizes, limit):
    groups = [[at(f"{number}/{n}", n) for n in range(size)] for number, size in enumerate(sizes)]

    parts = list(in_parts(groups, limit))

    assert [frame for part in parts for frame in part] == [f for group in groups for f in group]
    folders = [{frame.row.path.parent for frame in part} for part in parts]
    assert all(not one & other for one, other in pairwise(folders))
    assert all(
        len(part) <= limit or len(result) == 1 for part, result in zip(parts, folders, strict=True)
    )


def test_series__frames_on_which_something_is_seen__share_the_mean_of_their_answers():
    rows = np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.9, 0.0, 0.1]])

    merged = mean_in_series(
        Probabilities(rows, np.array([0.2, 0.4, 0.9, 0.5])),
        ["a", "a", "a", "b"],
        CLASSES,
        [1.0] * 4,
    )

    np.testing.assert_allclose(merged.classes_NC[:2], [[0.4, 0.1, 0.5]] * 2)
    np.testing.assert_allclose(merged.classes_NC[2:], rows[2:])  # an empty frame, another series
    np.testing.assert_allclose(merged.known_N, [0.3, 0.3, 0.9, 0.5])
