from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.evaluation import EvaluationConfig
from metaadapter.evaluation.evaluation_set import load_sets


def cross(support, query):
    config = EvaluationConfig(support_from=str(support.folder), queries_from=str(query.folder))
    (of,) = load_sets(config)
    return of


def test_load_sets__views__are_averaged(make_store, load):
    store = make_store("views", {"ant": 3, "bee": 3}, n_views=2)

    of, _ = load(store.folder)

    mean = store.by_picture().astype(np.float32).mean(1)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(of.source.features_nVD[:, 0], expected, atol=1e-6)
    assert of.source.labels_n.tolist() == [0, 0, 0, 1, 1, 1]
    assert not of.has_two_pools


def test_load_sets__two_stores__are_joined_by_readable_name(make_store):
    support = make_store("photos", {"n02510455 giant_panda": 3, "cat": 3, "tree": 3})
    query = make_store("drawings", {"Cat": 2, "giant panda": 2, "house": 2}, seed=1)

    of = cross(support, query)

    assert of.name == "photos → drawings"
    assert of.classes == ("cat", "giant panda")
    assert of.source.index.counts_CM.tolist() == [[3, 2], [3, 2]]
    texts = support.class_texts()
    expected = np.stack([texts["cat"], texts["n02510455 giant_panda"]])
    assert of.source.text_CD.equal(torch.from_numpy(expected))


def test_load_sets__stores_without_a_common_class__shows_names_of_both(make_store):
    stores = make_store("one", {"cat": 2, "dog": 2}), make_store("other", {"oak": 2, "elm": 2})

    with pytest.raises(DataError, match=r"got none; .*cat, dog and elm, oak"):
        cross(*stores)


def test_load_sets__stores_of_two_encoders__do_not_mix(make_store):
    counts = {"cat": 2, "dog": 2}

    with pytest.raises(IncompatibleArtifact):
        cross(make_store("one", counts), make_store("other", counts, encoder="lines"))


def test_load_sets__store_without_classes__is_refused(make_store, ask):
    store = make_store("plain", {"": 4})

    with pytest.raises(DataError, match="at least two classes"):
        load_sets(ask(store.folder))


def test_identity__changes_with_a_picture_and_not_with_the_place(make_store, load):
    counts = {"cat": 2, "dog": 2}
    hashes = list("abcd")
    one, same, other = (
        load(make_store(name, counts, sha256=each).folder)[0].identity
        for name, each in (("one", hashes), ("same", hashes), ("other", [*"abce"]))
    )

    assert one == same != other
