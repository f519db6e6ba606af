"""An untrained generator is its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import UsageError
from metaadapter.generator.pretrained import load_generator


def slow_text_trust(means, text, n_shot):
    """The text trust with and without pictures, and the fit, pair by pair."""
    n_way = len(means)
    own = square = 0.0
    for i in range(n_way):
        scores = [float(means[i] @ text[j]) for j in range(n_way)]
        mean = sum(scores) / n_way
        own += scores[i] - mean
        square += sum((score - mean) ** 2 for score in scores)
    freedom = (n_way - 1) ** 2
    if not freedom:
        return 0.5, 3.0, 0.0
    slope = max(own / square, 0.02)
    explained = max(own, 0) ** 2 / (square * (n_way - 1))
    fit = max(0, freedom * explained - 1) / (freedom + 10)
    weight = freedom / (freedom + 10)
    pictured = weight * math.log(0.23 * slope * math.exp(2.4 * fit) / n_shot**0.3)
    bare = weight * math.log(1.2 * slope)
    pictured += (1 - weight) * math.log(0.5)
    bare += (1 - weight) * math.log(3)
    return math.exp(pictured), math.exp(bare), fit


def slow_closed_form(support, text, query):
    """Loop over classes and pictures: centring, ridge, temperature by refits."""
    present = [c for c in range(len(support)) if len(support[c])]
    centre = torch.stack([support[c].mean(0) for c in present]).mean(0)
    rows, labels, noise = [], [], []
    harmonic_mean = len(present) / sum(1 / len(support[c]) for c in present)
    uneven = max(len(shots) for shots in support) / harmonic_mean
    alone = 1.4 * 0.5 ** min(1, math.log(max(1, uneven / 2)) / math.log(8 / 2))
    for c in present:
        relative = len(support[c]) / harmonic_mean
        for shot in support[c]:
            rows.append(shot - centre)
            labels.append(c)
            noise.append(alone * relative**2 / (0.6 * relative + 0.4))
    spread = (sum(row @ row for row in rows) / len(rows)).sqrt()
    rows = [row / spread for row in rows]
    text = text - text.mean(0)
    text = text / (text.square().sum(1).mean()).sqrt()
    trust, bare_trust, fit = slow_text_trust(
        [
            torch.stack([z for z, c in zip(rows, labels, strict=True) if c == way]).mean(0)
            for way in present
        ],
        text[present],
        harmonic_mean,
    )
    trust = [trust if len(shots) else bare_trust for shots in support]
    prior = torch.tensor(trust, dtype=text.dtype)[:, None] * text

    def answer(z, others, share=1, bias=0):
        """The logits of a row by the fit to some of the rows, with this share of the noise."""
        system = torch.diag(torch.tensor([share * noise[m] for m in others], dtype=text.dtype))
        residual = -torch.stack([rows[m] for m in others]) @ prior.T
        if bare := [c for c in range(len(support)) if not len(support[c])]:
            residual[:, bare] = residual[:, bare].mean(1, keepdim=True)
        for i, m in enumerate(others):
            residual[i, labels[m]] += 1
            for j, other in enumerate(others):
                system[i, j] += rows[m] @ rows[other] + bias
        values = torch.linalg.inv(system) @ residual
        near = torch.stack([z @ rows[m] + bias for m in others])
        return z @ prior.T + near @ values

    everything = list(range(len(rows)))
    left_out = [
        (answer(rows[m], everything[:m] + everything[m + 1 :], 0.8, 2), labels[m])
        for m in everything
        if labels.count(labels[m]) > 1
    ]
    several = [len(shots) for shots in support if len(shots) > 1]
    weakening = (1 - len(several) / sum(several)) ** 0.45 if several else 1
    base, weighted, weights = 17.6 * math.exp(-0.6 * fit) * harmonic_mean**-0.18, 0.0, 0.0
    for step in range(25):
        log_factor = -1.2 + 0.1 * step
        scale = base * math.exp(log_factor) * weakening
        log_p = sum(
            min(1, harmonic_mean / len(support[label]))
            * float((scale * logits).log_softmax(0)[label])
            for logits, label in left_out
        )
        weight = math.exp(log_p - (log_factor / 0.4) ** 2 / 2)
        weighted, weights = weighted + weight * log_factor, weights + weight
    scale = base * math.exp(weighted / weights)
    level = len(rows) / (len(rows) + 1.4) / len(present)
    levels = torch.tensor([level * (c in present) for c in range(len(support))], dtype=text.dtype)
    return torch.stack(
        [scale * (answer((x - centre) / spread, everything) + levels) for x in query]
    )


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(0, 6), min_size=2, max_size=7).filter(lambda c: sum(c) > 1),
    width=st.sampled_from([9, 64, 256]),
    seed=st.integers(0, 1000),
)
def test_untrained__any_shots_and_bare_classes__equals_the_slow_closed_form(counts, width, seed):
    draw = torch.Generator().manual_seed(seed)
    unit = torch.nn.functional.normalize
    support = [
        unit(torch.randn(n, width, generator=draw, dtype=torch.float64), dim=1) for n in counts
    ]
    text = unit(torch.randn(len(counts), width, generator=draw, dtype=torch.float64), dim=1)
    query = unit(torch.randn(5, width, generator=draw, dtype=torch.float64), dim=1)
    padded = torch.zeros(1, len(counts), max(counts), width, dtype=torch.float64)
    mask = torch.zeros(1, len(counts), max(counts), dtype=torch.bool)
    for c, shots in enumerate(support):
        padded[0, c, : len(shots)], mask[0, c, : len(shots)] = shots, True

    weights = load_generator("closed-form").predict(Support.of_tasks(padded, text[None], mask))

    expected = slow_closed_form(support, text, query)
    torch.testing.assert_close(classify(query[None], weights)[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("width", [256, 512, 640, 768, 1024, 1280])
def test_untrained__float32_features_of_any_width__equal_the_closed_form(make_task, width):
    task = make_task(1, 6, 4, width)

    weights = load_generator("closed-form").predict(task.support.to(dtype=torch.float32))

    logits = classify(task.query.float(), weights)[0]
    expected = slow_closed_form(list(task.pictures[0]), task.text[0], task.query[0])
    torch.testing.assert_close(logits.double(), expected, rtol=1e-5, atol=1e-4)


def test_untrained__no_pictures__is_zero_shot_clip_if_the_temperature_is_known(make_task):
    task = make_task(2, 5, 0, 32)

    weights = load_generator("closed-form").predict(task.with_scale(15.0))

    zero_shot = classify(task.query, AdapterWeights.zero_shot(task.text[0], 15.0))
    predicted = classify(task.query[:1], weights.map(lambda t: t[:1]))
    torch.testing.assert_close(predicted[0].softmax(-1), zero_shot[0].softmax(-1))
    with pytest.raises(UsageError, match="pass logit_scale"):
        load_generator("closed-form").predict(task.support)


def test_predict__no_text__works_from_pictures_alone(make_task):
    task = make_task(1, 5, 8, 64)

    weights = load_generator("closed-form").predict(
        Support.of_tasks(task.pictures, torch.zeros_like(task.text))
    )

    assert (classify(task.query, weights)[0].argmax(1) == torch.arange(5)).float().mean() > 0.6
