"""Tasks with too many pictures for a matrix of their inner products."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.text_evidence import text_trust

# A limit that the tasks here can pass.
CONSTANTS = ClosedForm(most_rows=12)


@pytest.fixture
def untrained():
    return Generator(GeneratorConfig(closed_form=CONSTANTS)).double()


def slow_ridge(support, text, query, trust):
    """By an explicit inverse in the feature space: one loop over the pictures."""
    n_way, _, width = support.shape
    centre = support.mean((0, 1))
    spread = (support - centre).square().sum(-1).mean().sqrt()
    text = text - text.mean(0)
    prior = trust * text / text.square().sum(-1).mean().sqrt()
    precision, pull = torch.eye(width, dtype=text.dtype), prior.T.clone()
    for c in range(n_way):
        for shot in support[c]:
            z = (shot - centre) / spread
            precision += torch.outer(z, z) / CONSTANTS.ridge
            pull[:, c] += z / CONSTANTS.ridge
    vectors = torch.linalg.inv(precision) @ pull
    return ((query - centre) / spread) @ vectors


def test_untrained__more_pictures_than_the_limit__is_ridge(make_task, untrained):
    task = make_task(1, 5, 3, 32)

    weights = untrained.predict(task.support)

    trust = text_trust(task.regression.evidence, task.canonical, CONSTANTS)[0, 0]
    expected = slow_ridge(task.pictures[0], task.text[0], task.query[0], trust)
    # test_linear_ridge checks the temperature, test_untrained the level of the scores.
    level = 15 / (15 + CONSTANTS.ridge) / 5
    scores = classify(task.query, weights)[0] / weights.logit_scale
    torch.testing.assert_close(scores - level, expected)


def test_trained__large_and_small_tasks_in_a_batch__are_as_each_alone(make_task, trained_like):
    generator = Generator(replace(trained_like.config, closed_form=CONSTANTS)).double()
    generator.load_state_dict(trained_like.state_dict())
    task = make_task(3, 5, 4, 32)
    # 20 pictures, 12 of five classes, 5: only the first is too large.
    counts = torch.tensor([[4] * 5, [4, 3, 2, 2, 1], [1] * 5])
    task.mask = torch.arange(4) < counts[..., None]

    together = generator.predict(task.support)

    logits = classify(task.query, together)
    for t, n_shot in enumerate(counts.amax(1).tolist()):
        one = slice(t, t + 1)
        alone = generator.predict(
            Support.of_tasks(
                task.pictures[one, :, :n_shot], task.text[one], task.mask[one, :, :n_shot]
            )
        )
        torch.testing.assert_close(classify(task.query[one], alone)[0], logits[t])


def test_limit_of_pictures__does_not_change_the_class_vectors(make_task):
    """The ridge is solved among the pictures or in the feature space."""
    support = make_task(1, 5, 3, 32).support

    small, large = (
        Generator(GeneratorConfig(closed_form=ClosedForm(most_rows=most))).double().predict(support)
        for most in (15, 14)
    )

    torch.testing.assert_close(small.classes, large.classes, rtol=1e-9, atol=1e-9)
