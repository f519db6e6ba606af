from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.methods.picture_methods import PICTURE_METHODS
from metaadapter.data.reader import read_images
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.store.encode_to_store import encode_to_store
from tests.small_pictures import write_classes, write_encoder


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A store of real pictures, three classes of five, through a small CLIP of random weights."""
    folder = tmp_path_factory.mktemp("coloured")
    return write_store(folder, n_pictures=5)


def write_store(folder, *, n_pictures):
    (folder / "clip").mkdir()
    encoder = load_encoder(str(write_encoder(folder / "clip", seed=1, layers=2)), device="cpu")
    table = read_images(write_classes(folder / "pictures", n_pictures=n_pictures, seed=0))
    encode_to_store(table, encoder, folder / "store")
    return folder / "store"


def test_measure__method_that_encodes_again__answers_as_one_with_the_features(coloured, draw):
    data, rows = draw(coloured, shots=(1, 2), tasks=2, ways=2, unknown=0.0)
    plain = load_method("closed-form")

    def fit_pictures(task):
        features = torch.from_numpy(task.encoder.encode_images(task.paths))
        expected = task.support.support_TNKD[0][task.support.present_TNK[0]]
        assert torch.allclose(features, expected, atol=1e-3)
        head = plain.fit(task.support)

        def answers(paths, rows_QD):
            again = torch.from_numpy(task.encoder.encode_images(paths))
            assert torch.allclose(again, rows_QD, atol=1e-3)
            return classify(again[None], head)[0]

        return answers

    result = measure(replace(plain, fit_pictures=fit_pictures), data, rows)
    expected = measure(plain, data, rows)

    assert result["rows"]["nll"] == pytest.approx(expected["rows"]["nll"], abs=1e-2)
    assert result["rows"]["n_query"] == expected["rows"]["n_query"]


@pytest.mark.parametrize("name", PICTURE_METHODS)
def test_picture_method__answers_a_picture_alike_in_any_company(name, coloured, draw):
    data, rows = draw(coloured, shots=(2,))
    kept = {}

    def fit_pictures(task):
        kept["answers"] = load_method(name).fit_pictures(task)
        return kept["answers"]

    measure(replace(load_method(name), fit_pictures=fit_pictures), data, rows)
    paths = [Path(path) for path in data.paths_n]
    features = data.look_up(torch.arange(len(paths)))
    together = kept["answers"](paths, features)

    assert together.shape == (len(paths), len(data.classes))
    assert not torch.equal(together, together[:1].expand_as(together))
    for number in (0, 7):
        alone = kept["answers"](paths[number : number + 1], features[number : number + 1])
        assert torch.allclose(alone[0], together[number], rtol=1e-3, atol=1e-3)


def test_adapters_inside__no_gain_on_left_out_pictures__change_nothing(coloured, load):
    data, config = load(coloured, shots=(1,))  # no class has a second picture to leave out
    rows = draw_tasks(data, config, 0)

    result, expected = (
        measure(load_method(method), data, rows) for method in ("inside bottleneck", "default")
    )

    assert result["rows"]["nll"] == pytest.approx(expected["rows"]["nll"], rel=1e-4)
