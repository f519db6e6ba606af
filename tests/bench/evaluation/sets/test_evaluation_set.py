from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.sets.store_sets import load_sets
from metaadapter.errors import IncompatibleArtifact


def cross(support, query):
    config = EvaluationConfig(stores=((str(support.folder), str(query.folder)),))
    (data,) = load_sets(config)
    return data


def test_load_sets__two_stores__are_joined_by_readable_name(make_store):
    support = make_store("photos", {"n02510455 giant_panda": 3, "cat": 3, "tree": 3})
    query = make_store("drawings", {"Cat": 2, "giant panda": 2, "house": 2}, seed=1)

    data = cross(support, query)

    assert data.name == "photos@drawings"
    assert data.classes == ("cat", "giant panda")
    assert data.index.counts_CM.tolist() == [[3, 2], [3, 2]]
    texts = support.class_texts()
    expected = np.stack([texts["cat"], texts["n02510455 giant_panda"]])
    assert data.text_CD.equal(torch.from_numpy(expected))


def test_load_sets__stores_of_two_encoders__do_not_mix(make_store):
    counts = {"cat": 2, "dog": 2}

    with pytest.raises(IncompatibleArtifact):
        cross(make_store("one", counts), make_store("other", counts, encoder="lines"))


def test_identity__changes_with_a_picture_and_not_with_the_place(make_store, load):
    counts = {"cat": 2, "dog": 2}
    hashes = list("abcd")
    one, same, other = (
        load(make_store(name, counts, sha256=sha256).folder)[0].identity
        for name, sha256 in (("one", hashes), ("same", hashes), ("other", [*"abce"]))
    )

    assert one == same != other


def test_look_up__pictures_of_two_stores__are_those_of_each(make_store):
    support = make_store("photos", {"cat": 3, "dog": 3})
    query = make_store("drawings", {"cat": 2, "dog": 2}, seed=1)

    result = cross(support, query).look_up(torch.tensor([5, 6, 0, 9]))

    both = np.concatenate([store.mean_features()[0] for store in (support, query)])
    np.testing.assert_array_equal(result.numpy(), both[[5, 6, 0, 9]])
