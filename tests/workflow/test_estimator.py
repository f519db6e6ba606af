from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from torch.nn.functional import normalize

from metaadapter.adapter.weights import classify
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import load_generator
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.workflow import classifier_base
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.gradient_steps import FineTune

NAMES = ("ant", "bee", "cat", "dog")


def fingerprint(digest="0" * 16):
    return Fingerprint("fake", "a", dim=32, quick_gelu=False, digest=digest, probe=(1.0, -1.0))


class FakeEncoder:
    """An encoder that reads names by a table."""

    name, logit_scale = "fake", 15.0

    def __init__(self, texts, fingerprint):
        self.texts, self.fingerprint = texts, fingerprint

    def encode_texts(self, names):
        return np.stack([self.texts[name] for name in names])


def test_fit__with_texts__classifies_new_pictures_as_generator_and_classify_do(data):
    classifier = MetaAdapterClassifier(data.texts).fit(data.X, data.y)

    probabilities = classifier.predict_proba(data.X_new)

    weights = load_generator().predict(data.support)
    query = normalize(torch.from_numpy(data.X_new).double(), dim=-1)
    expected = classify(query[None], weights)[0].softmax(-1)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
    assert classifier.classes_.tolist() == list(NAMES)
    assert classifier.score(data.X_new, data.y_new) > 0.9
    assert classifier.n_shots_.tolist() == [3, 3, 3, 3]


def test_fit__class_with_a_name_and_no_picture__can_be_predicted(data):
    pictured = data.y != "dog"

    classifier = MetaAdapterClassifier(data.texts).fit(data.X[pictured], data.y[pictured])

    assert classifier.classes_.tolist() == list(NAMES)
    assert classifier.n_shots_.tolist() == [3, 3, 3, 0]
    dogs = data.y_new == "dog"
    assert (classifier.predict(data.X_new[dogs]) == "dog").mean() > 0.5


@pytest.mark.parametrize("text", ["a {}", "a_{}"])
def test_fit__names_with_an_encoder__equal_their_vectors(data, text):
    encoder = FakeEncoder({f"a {name}": data.texts[name] for name in NAMES}, fingerprint())
    named = MetaAdapterClassifier({name: text.format(name) for name in NAMES}, encoder=encoder)

    probabilities = named.fit(data.X, data.y).predict_proba(data.X_new)

    by_vector = MetaAdapterClassifier(data.texts).fit(data.X, data.y)
    np.testing.assert_allclose(probabilities, by_vector.predict_proba(data.X_new))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"class_texts": {"Ant": [1.0] * 32}},
            "names 'Ant', but the labels in y are 'ant'.*use labels from y as the keys",
        ),
        ({"class_texts": {"ant": [1.0] * 16}}, r"'ant' has shape \(16,\).*32 wide"),
        ({"class_texts": {"ant": [0.0] * 32}}, "'ant' is zero or not finite"),
        ({"class_texts": {"ant": "an ant"}}, "needs an encoder to read it"),
        ({"mode": "slow"}, "mode must be 'one_shot' or 'finetune', got 'slow'"),
        ({"fine_tuning": FineTune()}, "fine_tuning is for mode='finetune'"),
        ({"logit_scale": -1.0}, "logit_scale must be positive"),
        ({"generator": "none"}, "no generator 'none'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_fit__wrong_parameter__says_which_and_what_to_do(data, parameters, message):
    with pytest.raises(UsageError, match=message):
        MetaAdapterClassifier().set_params(**parameters).fit(data.X, data.y)


def test_fit__one_class__asks_for_another(data):
    with pytest.raises(ValueError, match=r"one class only, 'ant'.*add pictures of another class"):
        MetaAdapterClassifier().fit(data.X[:3], data.y[:3])


def test_finetune__steps__are_those_of_fine_tune_and_are_kept(data, tmp_path):
    settings = FineTune(n_steps=9, lr=0.05, anchor=0.1)
    classifier = MetaAdapterClassifier(data.texts, mode="finetune", fine_tuning=settings)

    classifier.fit(data.X, data.y)

    predicted = MetaAdapterClassifier(data.texts).fit(data.X, data.y)
    tuned = fine_tune(load_generator("default"), data.support, settings)
    assert (predicted.n_steps_, classifier.n_steps_) == (0, 9)
    np.testing.assert_allclose(classifier.adapter_.classes, tuned.weights.classes[0], atol=1e-5)
    assert not torch.allclose(classifier.adapter_.classes, predicted.adapter_.classes, atol=1e-3)
    classifier.save(tmp_path / "adapter")
    loaded = MetaAdapterClassifier.load(tmp_path / "adapter")
    assert (loaded.mode, loaded.n_steps_) == ("finetune", 9)
    np.testing.assert_array_equal(
        loaded.predict_proba(data.X_new), classifier.predict_proba(data.X_new)
    )
    assert "9 gradient steps" in (tmp_path / "adapter" / "README.md").read_text()


def test_add_class__later__leaves_the_others_untouched(data):
    X, y, texts, bees = data.without("bee")
    classifier = MetaAdapterClassifier(texts).fit(X, y)
    before = classifier.adapter_
    vectors = dict(zip(classifier.classes_, before.classes.clone(), strict=True))
    biases = dict(zip(classifier.classes_, before.class_bias.clone(), strict=True))

    classifier.add_class("bee", bees, text=data.texts["bee"])

    assert classifier.classes_.tolist() == list(NAMES)
    for row, name in enumerate(NAMES):
        if name != "bee":
            assert torch.equal(classifier.adapter_.classes[row], vectors[name])
            assert torch.equal(classifier.adapter_.class_bias[row], biases[name])
    whole = MetaAdapterClassifier(data.texts).fit(data.X, data.y)
    gap = whole.score(data.X_new, data.y_new) - classifier.score(data.X_new, data.y_new)
    assert gap < 0.05
    assert (classifier.predict(data.X_new[data.y_new == "bee"]) == "bee").mean() > 0.7


def test_add_class__label_that_is_there_or_nothing_of_it__is_refused(data):
    classifier = MetaAdapterClassifier().fit(data.X, data.y)

    with pytest.raises(UsageError, match="class 'bee' exists already"):
        classifier.add_class("bee", data.X[:1])
    with pytest.raises(UsageError, match="class 'eel' needs pictures"):
        classifier.add_class("eel")
    with pytest.raises(UsageError, match="the label of the new class is blank"):
        classifier.add_class(" ", data.X[:1])


def test_save__then_load__gives_the_same_probabilities_and_takes_a_class(data, tmp_path):
    classifier = MetaAdapterClassifier(data.texts).fit(data.X, data.y)
    classifier.save(tmp_path / "adapter")

    loaded = MetaAdapterClassifier.load(tmp_path / "adapter")
    copy = pickle.loads(pickle.dumps(classifier))

    expected = classifier.predict_proba(data.X_new)
    np.testing.assert_array_equal(loaded.predict_proba(data.X_new), expected)
    np.testing.assert_array_equal(copy.predict_proba(data.X_new), expected)
    one, other = (
        c.add_class("eel", data.X_new[:2]).predict_proba(data.X_new) for c in (loaded, classifier)
    )
    assert loaded.classes_.tolist() == [*NAMES, "eel"]
    np.testing.assert_array_equal(one, other)


def test_fit__no_pictures_but_names__is_zero_shot_clip(data):
    classifier = MetaAdapterClassifier(data.texts, logit_scale=15.0)

    classifier.fit(np.empty((0, 32)), [])

    text = np.stack(list(data.texts.values()))
    cosine = data.X_new @ (text / np.linalg.norm(text, axis=1, keepdims=True)).T
    expected = np.exp(15 * cosine) / np.exp(15 * cosine).sum(1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(data.X_new), expected, atol=1e-5)


def test_fit__labels_of_two_kinds__are_refused(data):
    y = np.array([NAMES.index(label) for label in data.y])

    with pytest.raises(UsageError, match=r"all text or all numbers, got 'ant' and 0"):
        MetaAdapterClassifier({0: data.texts["ant"], "ant": data.texts["ant"]}).fit(data.X, y)


def test_add_class__number_beside_numbers__keeps_each_vector_with_its_label(data):
    y = np.array([{"ant": 2, "bee": 10, "cat": 30, "dog": 4}[label] for label in data.y])
    known = y != 4
    classifier = MetaAdapterClassifier().fit(data.X[known], y[known])

    classifier.add_class(4, data.X[~known])

    assert classifier.classes_.tolist() == [2, 4, 10, 30]
    assert classifier.score(data.X, y) > 0.9
    with pytest.raises(UsageError, match="all text or all numbers, got 'eel' and 2"):
        classifier.add_class("eel", data.X[:1])


def test_add_class__other_number_of_shots__is_taken_over_at_the_old_temperature(data):
    one_each = [list(data.y).index(name) for name in ("ant", "bee", "cat")]
    dogs = data.X_new[data.y_new == "dog"][:12]
    make = partial(MetaAdapterClassifier, generator="closed-form")
    classifier = make().fit(data.X[one_each], data.y[one_each])
    everything = np.concatenate([data.X[one_each], dogs])
    labels = [*data.y[one_each], *["dog"] * 12]
    whole = make().fit(everything, labels).adapter_

    grown = classifier.add_class("dog", dogs).adapter_

    assert not torch.isclose(grown.logit_scale, whole.logit_scale, rtol=1e-4)
    query = torch.from_numpy(data.X_new).double()
    above_others = [
        (logits[:, 3] - logits[:, :3].mean(1)) / weights.logit_scale
        for weights, logits in ((adapter, classify(query, adapter)) for adapter in (grown, whole))
    ]
    torch.testing.assert_close(*above_others)


@pytest.mark.parametrize(("n_shot", "n_new", "named"), [(4, 4, True), (1, 0, True), (1, 1, False)])
def test_add_class__is_as_good_as_a_fit_of_all(make_data, n_shot, n_new, named):
    n_way = 3
    names = NAMES[:n_way]
    gaps = []
    for seed in range(4):
        data = make_data(n_shot, seed=seed)
        place = np.array([NAMES.index(label) for label in data.y])
        old, new = (place > 0) & (place < n_way), (place == 0) & (np.arange(len(place)) < n_new)
        texts = {name: data.texts[name] for name in names} if named else {}
        others = {name: text for name, text in texts.items() if name != "ant"} or None
        X_new, y_new = (rows[np.isin(data.y_new, names)] for rows in (data.X_new, data.y_new))

        grown = MetaAdapterClassifier(others).fit(data.X[old], data.y[old])
        grown.add_class("ant", data.X[new] if n_new else None, text=texts.get("ant"))

        whole = MetaAdapterClassifier(texts or None).fit(data.X[old | new], data.y[old | new])
        gaps.append(whole.score(X_new, y_new) - grown.score(X_new, y_new))
    assert np.mean(gaps) < 0.08


@pytest.mark.parametrize("n_new", [0, 1, 4])
def test_add_class__to_an_adapter_from_names_alone__is_not_far_from_a_fit_of_all(make_data, n_new):
    gaps = []
    for seed in range(6):
        data = make_data(4, seed=seed)
        new = np.flatnonzero(data.y == "ant")[:n_new]
        others = {name: text for name, text in data.texts.items() if name != "ant"}
        nothing = np.empty((0, 32)), []
        make = partial(MetaAdapterClassifier, logit_scale=15.0)

        grown = make(others).fit(*nothing)
        grown.add_class("ant", data.X[new] if n_new else None, text=data.texts["ant"])

        whole = make(data.texts).fit(*((data.X[new], data.y[new]) if n_new else nothing))
        gaps.append(whole.score(data.X_new, data.y_new) - grown.score(data.X_new, data.y_new))
    assert np.mean(gaps) < 0.1


def test_clone_and_grid_search__work_with_a_generator_and_texts(data):
    pipeline = make_pipeline(Normalizer(), MetaAdapterClassifier(data.texts))
    clone(MetaAdapterClassifier(data.texts, generator=load_generator()))

    search = GridSearchCV(
        pipeline,
        {"metaadapterclassifier__class_texts": [None, data.texts]},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(data.X, data.y)

    assert search.best_params_["metaadapterclassifier__class_texts"] is not None


def test_load__beside_another_encoder__is_refused(data, tmp_path, monkeypatch):
    encoder = FakeEncoder({}, fingerprint())
    other = FakeEncoder({}, fingerprint(digest="1" * 16))
    monkeypatch.setattr(
        "metaadapter.features.encoders.encoder_by_name.load_encoder", {"other": other}.__getitem__
    )
    MetaAdapterClassifier(data.texts, encoder=encoder).fit(data.X, data.y).save(tmp_path / "a")

    same = MetaAdapterClassifier.load(tmp_path / "a", encoder=encoder)

    assert same.predict(data.X_new[:1]).shape == (1,)
    for base in (other, "other"):
        with pytest.raises(IncompatibleArtifact, match="fake"):
            MetaAdapterClassifier.load(tmp_path / "a", encoder=base)


def test_add_class__by_a_generator_with_other_weights_or_constants__is_refused(data):
    first, second = load_generator("closed-form"), load_generator("closed-form")
    second.config = replace(second.config, closed_form=ClosedForm(ridge=50.0))
    classifier = MetaAdapterClassifier(data.texts, generator=first).fit(data.X, data.y)

    for classifier.generator in (second, Generator()):
        with pytest.raises(IncompatibleArtifact, match="was predicted by generator"):
            classifier.add_class("eel", data.X_new[:2])
    classifier.generator = load_generator("closed-form")
    assert "eel" in classifier.add_class("eel", data.X_new[:2]).classes_


def test_predict__many_rows__agree_with_all_at_once(data, tmp_path, monkeypatch):
    classifier = MetaAdapterClassifier().fit(data.X, data.y)
    X = data.X_new
    whole = classifier.predict_proba(X)
    known, sets = classifier.predict_known_proba(X), classifier.predict_sets(X)
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    monkeypatch.setattr(classifier_base, "ROWS_AT_ONCE", 7)

    np.testing.assert_allclose(classifier.predict_proba(X), whole, rtol=1e-9)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_allclose(classifier.predict_proba(mapped), whole, rtol=1e-3)
    np.testing.assert_allclose(classifier.predict_known_proba(X), known, rtol=1e-9)
    np.testing.assert_array_equal(classifier.predict_sets(X), sets)


def test_predict__wrong_row_far_behind__is_named(data, monkeypatch):
    classifier = MetaAdapterClassifier().fit(data.X, data.y)
    monkeypatch.setattr(classifier_base, "ROWS_AT_ONCE", 7)
    X = data.X_new.copy()
    X[50] = np.nan

    with pytest.raises(ValueError, match="row 50 of X has a NaN"):
        classifier.predict_proba(X)
