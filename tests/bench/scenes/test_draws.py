from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metaadapter.bench.scenes.scenes import draw_scenes
from metaadapter.errors import DataError

LABELS = ["deer"] * 8 + ["fox"] * 8 + ["empty"] * 4
SCENES = [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 0, 13, 14, 15]


@given(st.integers(0, 1000), st.integers(1, 6))
def test_draw__any_seed__has_no_scene_on_both_sides(seed, shots):
    draw = draw_scenes(LABELS, SCENES, shots, seed)

    learned = {SCENES[number] for frames in draw.support.values() for number in frames}
    asked = {SCENES[number] for number in draw.queries}
    assert not learned & asked
    for label, frames in draw.support.items():
        assert {LABELS[number] for number in frames} == {label}
        assert len({SCENES[number] for number in frames}) == len(frames) <= shots


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=4, max_size=30),
    st.integers(0, 9),
)
def test_draw__any_scenes__leaves_a_third_of_each_class_for_questions(frames, seed):
    labels, scenes = map(list, zip(*frames, strict=True))
    n_scenes = Counter(label for label, _ in {*frames})
    assume(len(n_scenes) == 2 and min(n_scenes.values()) >= 2)
    try:
        draw = draw_scenes(labels, scenes, 3, seed)
    except DataError:  # all scenes of a class are shared with one that needs them
        return

    asked = Counter(label for label, _ in {(labels[n], scenes[n]) for n in draw.queries})
    assert all(asked[label] >= max(1, round(n / 3)) for label, n in n_scenes.items())


def test_draw__more_shots__keep_the_first_and_ask_about_the_same_frames():
    draw = draw_scenes(LABELS, SCENES, 4, seed=3)

    assert {*draw.shots(1)} < {*draw.shots(2)} < {*draw.shots(4)}
    assert len(draw.shots(1)) == 3


def test_draw__frames_of_a_scene_of_both_kinds__are_never_divided():
    # Scene 0 shows deer, and is empty once.
    for seed in range(20):
        draw = draw_scenes(LABELS, SCENES, 4, seed)
        assert (16 in draw.queries) == (0 in draw.queries) == (1 in draw.queries)


def test_draw__class_of_one_scene__is_refused_by_its_name():
    with pytest.raises(DataError, match="the frames of 'lynx' show a single scene"):
        draw_scenes([*LABELS, "lynx", "lynx"], [*SCENES, 20, 20], 2, 0)
