from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.errors import DataError, IncompatibleArtifact


def cross(support, query):
    config = EvaluationConfig(stores=((str(support.folder), str(query.folder)),))
    (data,) = load_sets(config)
    return data


def test_load_sets__views__are_averaged(make_store, load):
    store = make_store("views", {"ant": 3, "bee": 3}, n_views=2)

    data, _ = load(store.folder)

    mean = store.by_picture()[:].astype(np.float32).mean(1)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    result = data.look_up(torch.tensor([[0, 5, 2], [-1, 1, 4]]))
    np.testing.assert_allclose(result[0], expected[[0, 5, 2]], atol=1e-6)
    np.testing.assert_allclose(result[1], [np.zeros(8), *expected[[1, 4]]], atol=1e-6)
    assert data.labels_n.tolist() == [0, 0, 0, 1, 1, 1]
    assert not data.has_two_pools


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
        load(make_store(name, counts, sha256=sha256).folder)[0].identity
        for name, sha256 in (("one", hashes), ("same", hashes), ("other", [*"abce"]))
    )

    assert one == same != other


def test_features__stay_in_the_file_until_they_are_asked_for(make_store, load):
    data, _ = load(make_store("pets", {"ant": 3, "bee": 3}).folder)

    (table,) = data.features
    assert isinstance(table[:], np.memmap)
    assert (table.dtype, table[:].mode) == (np.float16, "r")


def test_look_up__pictures_of_two_stores__are_those_of_each(make_store):
    support = make_store("photos", {"cat": 3, "dog": 3})
    query = make_store("drawings", {"cat": 2, "dog": 2}, seed=1)

    result = cross(support, query).look_up(torch.tensor([5, 6, 0, 9]))

    both = np.concatenate([store.mean_features()[0] for store in (support, query)])
    np.testing.assert_array_equal(result.numpy(), both[[5, 6, 0, 9]])


def test_query_rows__are_those_of_look_up_also_after_others_were_asked_for(make_store, load):
    data, _ = load(make_store("pets", {"ant": 3, "bee": 3}).folder)
    other, _ = load(make_store("cats", {"ant": 3, "bee": 3}, seed=1).folder)
    pictures = torch.tensor([[0, 5], [-1, 3]])

    for numbers, of_set in ((pictures, data), (pictures, other), (pictures.clamp(min=1), data)) * 2:
        assert of_set.query_rows(numbers).equal(of_set.look_up(numbers))
    assert data.query_rows(pictures).data_ptr() == data.query_rows(pictures).data_ptr()
