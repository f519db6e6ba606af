"""Classes with many pictures beside classes with few: neither is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator

N_WAY, N_QUERY, N_DRAWS = 10, 8, 4


def recalls(support, text, query, generator, counts, few, **facts):
    """Mean recall in % of one class by its number of pictures; the others have `few`."""
    classes = torch.arange(text.shape[1])
    means = []
    for many in counts:
        shots = torch.full((len(classes), len(classes)), few)
        shots.fill_diagonal_(many)
        mask = torch.arange(support.shape[2]) < shots[..., None]
        correct = []
        for draw in range(len(support)):
            # A task for each class that has many pictures.
            tasks = [x[draw].expand(len(classes), *x.shape[1:]) for x in (support, text)]
            weights = generator.predict(Support.of_tasks(*tasks, mask, **facts))
            answers = classify(query[draw].flatten(0, 1).expand(len(classes), -1, -1), weights)
            own = answers.argmax(-1).unflatten(1, query.shape[1:3])[classes, classes]
            correct.append((own == classes[:, None]).double().mean())
        means.append(100 * float(torch.stack(correct).mean()))
    return means


@pytest.fixture(scope="module")
def clothes(demo_features):
    encoder, features = demo_features
    rows = torch.from_numpy(np.stack([features[path] for path in sorted(features)]))
    rows = rows.unflatten(0, (N_WAY, -1))
    draw = torch.Generator().manual_seed(0)
    order = torch.rand(N_DRAWS, *rows.shape[:2], generator=draw).argsort(-1)
    drawn = torch.stack([rows[torch.arange(N_WAY)[:, None], places] for places in order])
    names = sorted({path.parent.name for path in features})
    text = torch.from_numpy(encoder.encode_texts(names)).expand(N_DRAWS, -1, -1)
    facts = {"logit_scale": encoder.logit_scale, "blocks": encoder.blocks}
    return (drawn[:, :, N_QUERY:], text, drawn[:, :, :N_QUERY]), facts


@pytest.mark.parametrize("name", ["closed-form", "default"])
@pytest.mark.parametrize("few", [1])
def test_recall__more_pictures_of_a_class_of_clothes__never_falls(clothes, name, few):
    task, facts = clothes

    recall = recalls(*task, load_generator(name), [few, 4, 6, 8], few, **facts)

    assert recall[1] > recall[0]
    assert np.diff(recall).min() > -1
