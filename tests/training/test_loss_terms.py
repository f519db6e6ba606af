"""The loss of the known head, against loops over pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from episodes import EpisodeSpec, Mixture, synthetic_source
from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.generator import Generator
from metaadapter.training.config import ValidateConfig
from metaadapter.training.loss_terms import known_loss
from metaadapter.training.validator import Validator


@pytest.fixture
def sources():
    draw = torch.Generator().manual_seed(0)
    made = [
        synthetic_source(name, n_classes=9, n_pictures=12, width=16, generator=draw)
        for name in ("here", "elsewhere")
    ]
    return [
        replace(source, encoder="one", classes=tuple(f"{source.name} {n}" for n in range(9)))
        for source in made
    ]


@pytest.fixture
def episodes(sources):
    mixture = Mixture(sources, EpisodeSpec((3, 5), (1, 4), 3, imbalance=0.4))
    draw = torch.Generator().manual_seed(1)
    return mixture.draw(4, draw, off_class=True, foreign=True)


def softplus(value):
    return math.log1p(math.exp(value))


def test_known_loss__is_that_of_loops_over_pictures(episodes):
    batch = episodes.batch
    weights = Generator().predict(Support.of_batch(batch, episodes.logit_scale))
    expected = []
    for t in range(4):
        own = weights.task(t)
        is_query, is_strange = batch.query_labels_TQ[t] >= 0, episodes.off_class_mask_TO[t]
        queries, labels = batch.query_TQD[t][is_query], batch.query_labels_TQ[t][is_query]
        known = known_logits(queries, own).tolist()
        strange = known_logits(episodes.off_class_TOD[t][is_strange], own).tolist()
        entropy = np.mean([softplus(-logit) for logit in known])
        entropy += np.mean([softplus(logit) for logit in strange])
        entropy += np.mean([softplus(-(one - other)) for one in known for other in strange])
        log_own = classify(queries, own).log_softmax(-1)[range(len(labels)), labels].tolist()
        for values, quantiles in ((known, own.known_quantiles), (log_own, own.own_quantiles)):
            below = 1 - np.array(FRACTIONS)
            pinball = [
                mean_pinball_loss(values, [float(quantile)] * len(values), alpha=alpha)
                / math.sqrt(alpha * (1 - alpha))
                for quantile, alpha in zip(quantiles, below, strict=True)
            ]
            entropy += np.mean(pinball)
        expected.append(entropy)

    np.testing.assert_allclose(known_loss(weights, episodes), expected, rtol=1e-4)


def test_foreign_strangers__are_pictures_of_the_other_source_after_as_many_of_this_one(
    sources, episodes
):
    of_source = {source.name: source for source in sources}
    here = of_source.pop(episodes.source)
    (elsewhere,) = of_source.values()
    n_near = episodes.off_class_mask_TO.shape[1] // 2

    def is_of(rows, source):
        return (rows[:, None] == source.features_nVD[:, 0]).all(-1).any(-1)

    for t in range(4):
        near, far = episodes.off_class_TOD[t, :n_near], episodes.off_class_TOD[t, n_near:]
        assert is_of(near[episodes.off_class_mask_TO[t, :n_near]], here).all()
        assert episodes.off_class_mask_TO[t, n_near:].all()
        assert is_of(far, elsewhere).all()


def test_validator__with_strangers__ranks_a_good_head_above_one_that_guesses(sources):
    validator = Validator(
        {"classes": [sources[0]], "domains": []},
        ValidateConfig(tasks=5, shots=(1, 4)),
        seed=0,
        strangers=True,
    )
    good, guessing = Generator(), Generator()
    with torch.no_grad():
        guessing.known.weights[-1].bias.copy_(torch.tensor([-8.0, 0.8, 0.95]))

    one, other = validator(good, 0), validator(guessing, 0)

    assert other.accuracy["classes"]["here"][4] == pytest.approx(0.5)  # all answered as known
    assert one.accuracy["classes"]["here"][4] > 0.6
