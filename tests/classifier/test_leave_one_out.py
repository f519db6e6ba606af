from __future__ import annotations

import numpy as np
import torch

from metaadapter.adapter import Support
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.classifier.leave_one_out import leave_one_out
from metaadapter.generator import load_generator


def support(labels, *, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(labels), dim)) + np.eye(dim)[labels]
    features = torch.nn.functional.normalize(torch.from_numpy(features), dim=1)
    text = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(3, dim))), dim=1)
    return Support.of_rows(features.float(), torch.tensor(labels), text.float(), logit_scale=100.0)


def test_leave_one_out__agrees_with_fitting_the_classifier_anew_each_time():
    labels = [0, 0, 0, 1, 1, 2, 2, 2, 2]
    examples = support(labels)

    found = leave_one_out(examples, load_generator())

    X, y = (part.numpy() for part in examples.labelled_rows())
    texts = dict(enumerate(examples.text_TND[0].numpy()))
    expected = []
    for left_out in range(len(y)):
        others = np.arange(len(y)) != left_out
        classifier = MetaAdapterClassifier(texts, logit_scale=100.0).fit(X[others], y[others])
        expected.append(classifier.predict(X[left_out, None])[0] == y[left_out])
    assert found == expected
    assert 0 < sum(found) < len(y)


def test_leave_one_out__only_picture_of_its_class__is_not_asked():
    assert len(leave_one_out(support([0, 0, 1, 2, 2]), load_generator())) == 4


def test_leave_one_out__one_picture_of_each_class__asks_nothing():
    assert leave_one_out(support([0, 1, 2]), load_generator()) == []
