from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.origin import Recipe
from metaadapter.features.store.kept_features import KeptFeatures


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((9, 2, 16)).astype(np.float16)


@pytest.fixture
def kept(encoder, tmp_path):
    """Opens the features in a folder of the test."""

    def opened(encoder=encoder):
        return closing(KeptFeatures(tmp_path / "kept", Recipe.of(encoder, 2), "the store"))

    return opened


@pytest.fixture
def committed(kept, rows):
    """Three commits of two contents each, a to f, and one content that was never committed."""
    with kept() as features:
        for first in (0, 2, 4):
            features.add({"abcdef"[n]: rows[n] for n in (first, first + 1)})
            features.commit()
        features.add({"g": rows[6]})
    return dict(zip("abcdef", rows, strict=False))


def same(features, expected):
    assert [*features.committed()] == [*expected]
    for content, rows in expected.items():
        np.testing.assert_array_equal(features.committed()[content], rows)


def test_open__after_a_kill__has_what_was_committed_and_goes_on_there(
    kept, committed, rows, tmp_path
):
    with (tmp_path / "kept/features.bin").open("ab") as file:
        file.write(b"of a commit that was cut off")

    with kept() as features:
        same(features, committed)
        features.add({"h": rows[7]})
        assert features.places["h"] == 6
        features.commit()

    with kept() as features:
        same(features, committed | {"h": rows[7]})


@pytest.mark.parametrize("cut", [False, True])
def test_open__damaged_features__keep_what_is_before_them(kept, committed, rows, tmp_path, cut):
    file = tmp_path / "kept/features.bin"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content[:-9] if cut else content)

    with pytest.warns(UserWarning, match=r"features\.bin is damaged after the features of 4 p"):
        opened = kept()

    with opened as features:
        same(features, {content: committed[content] for content in "abcd"})
        features.add({"e": rows[8]})
        features.commit()
    with kept() as features:  # without a warning
        same(features, {content: committed[content] for content in "abcd"} | {"e": rows[8]})


def test_open__damaged_database__keeps_what_is_before_the_damage(kept, committed, tmp_path):
    file = tmp_path / "kept/encoding.db"
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"contents": ["c"', b'"contents": ["x"'))

    with kept() as features:
        same(features, {content: committed[content] for content in "ab"})


def test_open__another_encoder__is_refused(kept, committed, make_encoder):
    with pytest.raises(IncompatibleArtifact, match="made with the encoder mean-colour"):
        kept(make_encoder("other"))


def test_open__twice__says_who_has_it(kept, tmp_path):
    with kept(), pytest.raises(DataError, match=r"another run is writing to .*process \d+"):
        kept()
