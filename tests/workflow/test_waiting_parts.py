from __future__ import annotations

import numpy as np

from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.store.picture_table import StoredPicture
from metaadapter.workflow.prediction_parts import EncodedPart
from metaadapter.workflow.waiting_parts import WaitingParts


def part(first: int, n: int) -> EncodedPart:
    pictures = tuple(StoredPicture(f"{first + k}.png", "", "", "", "") for k in range(n))
    features = np.random.default_rng(first).standard_normal((n, 4)).astype(np.float32)
    return EncodedPart(EncodedPictures(pictures, features), lambda *_: ([], None))


def test_waiting_parts__in_a_file__are_those_that_were_added():
    parts = [part(0, 3), part(3, 0), part(3, 2)]

    with WaitingParts(4) as waiting:
        for some in parts:
            waiting.add(some)
        whole, read = waiting.pictures(), list(waiting.parts())

        expected = np.concatenate([some.pictures.features for some in parts])
        np.testing.assert_array_equal(whole.features, expected)
        assert [picture.path for picture in whole.pictures] == [f"{n}.png" for n in range(5)]
        for one, other in zip(read, parts, strict=True):
            np.testing.assert_array_equal(one.pictures.features, other.pictures.features)
