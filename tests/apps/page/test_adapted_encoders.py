"""Requests for predictions with adapters that have parts in the towers."""

from __future__ import annotations

import io

import pytest

from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import store_adapter
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow.predictions import predict_pictures
from tests.adapter.test_adapted_encoder import small_clip, stored_with


@pytest.fixture(scope="module")
def clip():
    return small_clip()


@pytest.fixture
def n_built(monkeypatch):
    """Counts the encoders that are built with parts in their towers."""
    built: list[str] = []
    adapted = FrozenEncoder.adapted

    def counted(self, change, mark):
        built.append(mark)
        return adapted(self, change, mark)

    monkeypatch.setattr(FrozenEncoder, "adapted", counted)
    return lambda: len(built)


def test_predict__again__builds_an_encoder_for_a_new_adapter(
    clip, n_built, picture, serve, tmp_path
):
    content, skill = picture("red"), tmp_path / "parts.adapter"
    (tmp_path / "red.png").write_bytes(content)
    first, second = stored_with(clip, 0), stored_with(clip, 1)
    adapters = (first, first, second, first)
    rows, expected = [ImageRow(tmp_path / "red.png", None)], []
    for stored in adapters:
        encoded = encode_rows(rows, adapted_encoder(clip, stored), views=1, seed=0)
        expected.append(predict_pictures(stored, encoded)[0].probabilities)
    before, predictions, n = n_built(), [], []

    with serve(tmp_path / "projects" / "parts", "small", lambda *_, **__: clip) as served:
        for stored in adapters:
            store_adapter(skill, stored)
            files = [
                ("pictures", ("red.png", io.BytesIO(content))),
                ("adapter", ("parts.adapter", skill.read_bytes())),
            ]
            response = served.client.post("/predict", files=files)
            predictions.append(response.json()["predictions"][0]["probabilities"])
            n.append(n_built() - before)

    assert predictions == expected
    assert predictions[0] != predictions[2]
    assert n == [1, 1, 2, 3]
