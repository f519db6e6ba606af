from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.left_out_accuracy import predict_left_out
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.several_tasks import CLASSES, MixedPictures

LABELS = [0, 0, 0, 1, 1, 2, 2, 2, 2]


def draw(labels, *, dim=16, seed=0):
    """Rows, labels and texts of a task."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(labels), dim)) + np.eye(dim)[labels]
    features = torch.nn.functional.normalize(torch.from_numpy(features), dim=1)
    text = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(3, dim))), dim=1)
    return features.float(), torch.tensor(labels), text.float()


@pytest.mark.parametrize(
    ("n_steps", "options"),
    [(0, {}), (7, {"mode": "finetune", "fine_tuning": FineTune(n_steps=7)})],
)
def test_leave_one_out__agrees_with_fitting_the_classifier_anew_each_time(n_steps, options):
    features, labels, text = draw(LABELS)
    support = Support.of_rows(features, labels, text, logit_scale=100.0)

    result = predict_left_out(support, load_generator(), n_steps=n_steps)

    X, y = features.numpy(), labels.numpy()
    expected = []
    for left_out in range(len(y)):
        others = np.arange(len(y)) != left_out
        classifier = MetaAdapterClassifier(
            dict(enumerate(text.numpy())), logit_scale=100.0, **options
        )
        expected.append(classifier.fit(X[others], y[others]).predict_proba(X[left_out, None])[0])
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-4)
    assert result.correct.tolist() == (np.argmax(expected, 1) == y).tolist()
    assert 0 < result.correct.sum() < len(y)


def test_leave_one_out__with_groups__agrees_with_a_support_without_the_group():
    features, labels, text = draw(LABELS)
    names = ["a", "a", "", "b", "b", "c", "", "a", ""]
    support = Support.of_rows(features, labels, text, logit_scale=100.0)
    generator = load_generator("default")
    number = {"a": 0, "b": 3, "c": 5}
    rows = [number.get(name, place) for place, name in enumerate(names)]

    left_out = predict_left_out(support, generator, group=torch.tensor(rows))

    # Class 1 has a single group, so its pictures stay.
    assert left_out.pictures.tolist() == [0, 1, 2, 5, 6, 7, 8]
    for place, row in enumerate(left_out.pictures.tolist()):
        others = [number for number, group in enumerate(rows) if group != rows[row]]
        without = Support.of_rows(features[others], labels[others], text, logit_scale=100.0)
        expected = classify(features[row][None, None].float(), generator.predict(without))
        assert left_out.probabilities[place].numpy() == pytest.approx(
            expected[0, 0].softmax(-1).numpy(), abs=1e-5
        )


def test_leave_one_out__several_labels__answers_are_those_of_an_estimator_of_the_others() -> None:
    made = MixedPictures(n=30)
    texts, y = dict(zip(CLASSES, made.texts, strict=True)), made.shows
    stored = SeveralLabelsClassifier(texts).fit(made.rows, y).stored_
    places = [0, 7, 20]
    asked = torch.zeros(30, dtype=torch.bool).index_fill(0, torch.tensor(places), True)
    for shown in (made.rows, MixedPictures(n=30, seed=4).rows):
        result = predict_left_out(
            stored.support, load_generator(), shown=torch.from_numpy(shown), left_out=asked
        )

        assert result.pictures.tolist() == places
        for k, place in enumerate(places):
            rest = np.arange(30) != place
            alone = SeveralLabelsClassifier(texts).fit(made.rows[rest], y[rest])
            p, answer = alone.predict_proba(shown[[place]])[0], alone.predict(shown[[place]])[0]
            np.testing.assert_allclose(result.probabilities[k], p, atol=1e-6)
            np.testing.assert_array_equal(result.answers[k], answer == 1)
            assert bool(result.correct[k]) == bool((answer == y[place]).all())
