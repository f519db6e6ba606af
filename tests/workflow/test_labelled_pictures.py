from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.labelled_pictures import Reading, Selection, draw_shots, read_labelled

LABELS = st.lists(st.sampled_from(["heron", "lynx", "red fox"]), min_size=1, max_size=30)


@given(LABELS, st.integers(1, 5), st.integers(0, 3))
def test_draw_shots__each_class__gives_as_many_as_it_can(labels, shots, seed):
    drawn = Counter(labels[number] for number in draw_shots(labels, shots, seed))

    assert drawn == {label: min(n, shots) for label, n in Counter(labels).items()}


@given(LABELS, st.integers(1, 5), st.integers(0, 3))
def test_draw_shots__one_shot_more__holds_the_former(labels, shots, seed):
    assert set(draw_shots(labels, shots, seed)) <= set(draw_shots(labels, shots + 1, seed))


class Loaded(Exception):
    """Raised instead of encoding, with the encoder and the blocks that it is loaded with."""


def loaded_for(source, selection, encoder=None):
    def load(name, **options):
        raise Loaded(name, options["blocks"])

    with pytest.raises(Loaded) as loaded:
        read_labelled(source, Reading(load, selection), encoder=encoder)
    return loaded.value.args


@pytest.mark.parametrize(
    ("box", "chosen", "blocks"),
    [
        ((0.1, 0.1, 0.5, 0.5), None, ("joint",)),
        (("", "", "", ""), None, None),
        ((0.1, 0.1, 0.5, 0.5), ("joint", "stages"), ("joint", "stages")),
    ],
)
def test_read_support__boxes__have_the_joint_block_alone(tmp_path, box, chosen, blocks):
    head = "path,label,box_left,box_top,box_width,box_height"
    rows = [f"{name}.png,{name},{','.join(map(str, box))}" for name in ("fox", "owl")]
    for name in ("fox", "owl"):
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "boxes.csv").write_text("\n".join([head, *rows]))

    loaded = loaded_for(tmp_path / "boxes.csv", Selection(blocks=chosen))
    assert loaded == ("tiny", blocks)


def test_read_support__store_with_labels_that_differ_only_in_spelling__warns_of_them(tmp_path):
    FeatureStore.create(tmp_path / "store", np.eye(3), ["fox", "Fox", "lynx"])

    labelled = read_labelled(tmp_path / "store", Reading(lambda *_, **__: None), encoder=None)

    assert set(labelled.counts) == {"fox", "Fox", "lynx"}
    assert "differ only in spelling: 'Fox' and 'fox'" in labelled.pictures.warnings[0]


@pytest.mark.parametrize(
    ("label", "named", "loaded"),
    [
        ("Empty", None, ("salient:tiny", ("joint",))),
        ("Empty", "tiny", ("tiny", ("joint",))),
        ("owl", None, ("tiny", None)),
    ],
)
def test_read_support__whole_frames_of_a_camera_trap__are_searched_for_what_stands_out(
    tmp_path, label, named, loaded
):
    for name in ("fox", label):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()

    assert loaded_for(tmp_path, Selection(), named) == loaded
