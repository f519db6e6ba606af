from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation import picture_methods
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.evaluation_set import encoder_of_set
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.method_names import resolve_names
from metaadapter.bench.evaluation.picture_methods import PICTURE_METHODS
from metaadapter.bench.evaluation.picture_task import PictureTask
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.peers import fine_tuned_tower
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.labs.tuning.tune_inside import Inside
from metaadapter.labs.tuning.tune_soft_prompt import SoftPrompt, tune_prompt
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


def test_measure__strangers__are_answered_from_their_pictures_too(coloured, draw):
    data, rows = draw(coloured, shots=(1,), unknown=0.34, queries=2)
    shown = []

    def fit_pictures(task):
        def answers(paths, rows_QD):
            shown.extend(path.parent.name for path in paths)
            return rows_QD.new_zeros(len(paths), task.support.n_way)

        return answers

    measure(replace(load_method("closed-form"), fit_pictures=fit_pictures), data, rows)

    assert sorted(set(shown)) == sorted(data.classes)


def test_evaluate__fine_tuned_tower__is_measured_too(coloured, ask, tmp_path, monkeypatch):
    monkeypatch.setattr(fine_tuned_tower, "N_STEPS", 2)
    config = ask(coloured, methods=("closed-form", "fine-tuned tower"), shots=(1,), seeds=2)

    result = evaluate(config, tmp_path / "run")

    trained = result.means[result.means["metric"] == "trained_parameters"]
    by_method = dict(zip(trained["method"], trained["mean"], strict=True))
    assert by_method["closed-form"] == 0
    (data,) = load_sets(config)
    tower = encoder_of_set(data, "a test").image_network()
    assert by_method["fine-tuned tower"] > sum(weight.numel() for weight in tower.parameters())


@pytest.mark.parametrize("name", PICTURE_METHODS)
def test_picture_method__answers_a_picture_alike_in_any_company(name, coloured, draw, monkeypatch):
    monkeypatch.setattr(fine_tuned_tower, "N_STEPS", 2)
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


def test_evaluate__pictures_that_moved_or_changed__are_told_at_the_start(tmp_path, ask):
    store = write_store(tmp_path, n_pictures=3)
    config = ask(store, methods=("fine-tuned tower",), shots=(1,))
    changed = Path(FeatureStore.open(store).rows.path[0])

    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(changed)
    with pytest.raises(DataError, match=f"{changed.name} has changed since it was encoded"):
        evaluate(config, tmp_path / "run")
    changed.unlink()
    with pytest.raises(DataError, match="give the command in the folder where they were encoded"):
        evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_evaluate__an_encoder_that_cannot_be_had__is_told_with_the_method(pets, ask, tmp_path):
    config = ask(pets, methods=("fine-tuned tower",))
    with pytest.raises((UsageError, DataError), match="fine-tuned tower"):
        evaluate(config, tmp_path / "run")


def test_the_group_of_towers__is_all_methods_that_see_pictures():
    assert resolve_names(("towers",)) == tuple(PICTURE_METHODS)
    support = Support.of_tasks(torch.zeros(1, 2, 1, 4))
    with pytest.raises(UsageError, match="cannot be fitted to their features only"):
        load_method("fine-tuned tower").fit(support)
    with pytest.raises(UsageError, match="leave @joint out"):
        load_method("inside LoRA@joint")


@pytest.mark.parametrize("name", ["inside bottleneck", "inside LoRA"])
def test_adapters_inside__no_gain_on_left_out_pictures__change_nothing(name, coloured, load):
    data, config = load(coloured, shots=(1,))  # no class has a second picture to leave out
    rows = draw_tasks(data, config, 0)

    result, expected = (measure(load_method(method), data, rows) for method in (name, "default"))

    assert result["rows"]["nll"] == pytest.approx(expected["rows"]["nll"], rel=1e-4)


def test_adapters_inside__beside_a_pool__read_labelled_pictures_alone_as_with_steps(coloured, draw):
    data, rows = draw(coloured, shots=(1,), pool="balanced", pool_size=8)
    assert rows.pool_TU.shape[1]

    result, labelled, pooled = (
        measure(load_method(method), data, rows)["rows"]["nll"]
        for method in ("inside bottleneck", "default@labelled", "default")
    )

    assert result == pytest.approx(labelled, rel=1e-4)
    assert result != pytest.approx(pooled, rel=1e-4)


def test_adapters_inside__steps_in_any_case__change_the_answers(coloured, draw, monkeypatch):
    monkeypatch.setattr(picture_methods, "Inside", partial(Inside, n_steps=3))
    data, rows = draw(coloured, shots=(2,))

    result, plain = (
        measure(load_method(method), data, rows)["rows"]
        for method in ("inside bottleneck", "default")
    )

    assert result["nll"] != pytest.approx(plain["nll"], rel=1e-3)
    assert result["trained_parameters"][0] > 0 == plain["trained_parameters"][0]


def named_task(encoder, names, n_known):
    """Two pictures, near the texts, of each of the first classes; the others have a name alone."""
    texts = torch.from_numpy(encoder.encode_texts(names))
    draw = torch.Generator().manual_seed(0)
    rows = texts[:n_known].repeat_interleave(2, 0)
    rows = normalize(rows + 0.05 * torch.randn(rows.shape, generator=draw), dim=-1)
    labels = torch.arange(n_known).repeat_interleave(2)
    support = Support.of_rows(rows, labels, texts, logit_scale=encoder.logit_scale)
    return PictureTask(support, (), labels, tuple(names), encoder), rows


@pytest.mark.parametrize("n_steps", [None, 4])
def test_soft_prompt__names_alone__are_read_through_it(coloured, load, monkeypatch, n_steps):
    encoder = encoder_of_set(load(coloured)[0], "a test")
    task, rows = named_task(encoder, ["fox", "heron", "otter", "lynx", "owl"], 3)
    learned = []

    def tune(*arguments, **options):
        learned.append(tune_prompt(*arguments, SoftPrompt(n_steps=n_steps), **options))
        return learned[-1]

    monkeypatch.setattr(picture_methods, "tune_prompt", tune)
    result = load_method("soft prompt").fit_pictures(task)((), rows)

    texts = task.support.text_TND[0].clone()
    plain = classify(rows[None], load_method("default").fit(task.support))[0]
    if learned[0].tensors:
        new = PromptedEncoder(encoder, learned[0].tensors).encode_texts(["lynx", "owl"])
        texts[3:] = torch.from_numpy(new)
        assert not torch.allclose(result, plain, rtol=1e-4)
    prompted = replace(task.support, text_TND=texts[None])
    expected = classify(rows[None], load_method("default").fit(prompted))[0]
    assert bool(learned[0].tensors) == bool(n_steps)
    assert torch.allclose(result, expected, rtol=1e-3, atol=1e-3)
