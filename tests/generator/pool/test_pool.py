"""Unlabelled pictures: the changed adapter against loops, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.domain_shift import LEAST_POOL, domain_shift
from metaadapter.generator.generator import Generator
from metaadapter.generator.text_evidence import text_evidence, text_trust

N_WAY, N_SHOT, WIDTH, SCALE = 4, 2, 24, 20.0


def unit(rows):
    return rows / max(np.linalg.norm(rows), 1e-12)


class Pooled:
    """A batch of tasks with pools around the same directions, and queries."""

    def __init__(self, n_tasks=1, shares=(6, 5, 6, 5), n_shot=N_SHOT, seed=0):
        draw = torch.Generator().manual_seed(seed)

        def randn(*shape):
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        directions = randn(n_tasks, N_WAY, WIDTH)
        self.text = normalize(directions + randn(n_tasks, N_WAY, WIDTH), dim=-1)
        self.shots = normalize(
            directions[:, :, None] + randn(n_tasks, N_WAY, n_shot, WIDTH), dim=-1
        )
        chosen = torch.arange(N_WAY).repeat_interleave(torch.tensor(shares))
        self.pool = normalize(directions[:, chosen] + randn(n_tasks, len(chosen), WIDTH), dim=-1)
        self.query = normalize(directions + randn(n_tasks, N_WAY, WIDTH), dim=-1)

    @property
    def bare(self):
        return Support.of_tasks(self.shots, self.text, logit_scale=SCALE)

    @property
    def support(self):
        mask = torch.ones(self.pool.shape[:2], dtype=torch.bool)
        return replace(self.bare, pool_TUD=self.pool, pool_mask_TU=mask)


@pytest.fixture
def closed_form():
    return Generator().double()


def moved_by_loops(task):
    """The labelled pictures of one task where its pool lies, and their weight in class means."""
    shift = domain_shift(task.support)
    shots, pool = task.shots[0].numpy(), task.pool[0].numpy()
    centre = np.mean([shots[c].mean(0) for c in range(N_WAY)], 0)
    enough = len(pool) >= LEAST_POOL
    offset = enough * float(shift.strength_T) * (pool.mean(0) - centre)
    rows = np.array([[unit(x + offset) for x in shots[c]] for c in range(N_WAY)])
    moved = Support.of_tasks(torch.from_numpy(rows)[None], task.text, logit_scale=SCALE)
    return moved, 1 - 0.7 * float(shift.probability_T)


def by_loops(generator, task):
    """The logits of the queries of one task, one picture and one class at a time."""
    constants = generator.config.closed_form
    moved, anchor = moved_by_loops(task)
    shots, texts = moved.support_TNKD[0].numpy(), task.text[0].numpy()
    pool, query = task.pool[0].numpy(), task.query[0].numpy()
    n_shot = shots.shape[1]
    centre = np.mean([shots[c].mean(0) for c in range(N_WAY)], 0)
    spread = np.sqrt(np.mean([((x - centre) ** 2).sum() for c in shots for x in c]))
    around = texts - texts.mean(0)
    text_spread = np.sqrt((around**2).sum(1).mean())
    z_shots = [[(x - centre) / spread for x in c] for c in shots]
    z_pool = [(x - centre) / spread for x in pool]
    z_query = [(x - centre) / spread for x in query]
    base = generator.predict(moved)
    first_pool = classify(task.pool, base)[0].softmax(-1).numpy()
    first_query = classify(task.query, base)[0].numpy()
    kappa = float(base.logit_scale[0])
    canonical = canonicalise(moved)
    evidence = text_evidence(canonical, constants)
    trust_in_text = float(text_trust(evidence, canonical, constants)[0, 0])

    assigned, share = np.zeros((len(pool), N_WAY)), np.full(N_WAY, 1 / N_WAY)
    for number in range(9):
        class_means = []
        for c in range(N_WAY):
            labelled = (anchor if number else 1) * sum(z_shots[c])
            total = labelled + sum(r[c] * z for r, z in zip(assigned, z_pool, strict=True))
            n_labelled = (anchor if number else 1) * n_shot
            class_means.append(total / (n_labelled + assigned[:, c].sum()))
        middle = np.mean(class_means, 0)
        means = []
        for c in range(N_WAY):
            total = (anchor if number else 1) * sum(unit(z - middle) for z in z_shots[c])
            total = total + sum(
                r[c] * unit(z - middle) for r, z in zip(assigned, z_pool, strict=True)
            )
            means.append(unit(total))
        if number == 8:
            break
        chance = assigned if number else first_pool
        parts = chance.mean(0)
        evenness = np.exp(-(parts * np.log(parts)).sum()) / N_WAY
        is_even = 1 / (1 + np.exp(-(evenness - 0.875) / 0.03))
        presence = [(chance[:, c].mean() * chance[:, c].max()) ** is_even for c in range(N_WAY)]
        for row, z in enumerate(z_pool):
            scores = np.array(
                [
                    share[c]
                    / presence[c]
                    * first_pool[row, c] ** 2
                    * np.exp(10 * unit(z - middle) @ means[c])
                    for c in range(N_WAY)
                ]
            )
            assigned[row] = scores / scores.sum()
        share = (assigned.mean(0) + 0.3 / N_WAY) / 1.3
    parts = assigned.mean(0)
    evenness = np.exp(-(parts * np.log(parts)).sum()) / N_WAY
    trust = 1 / (1 + np.exp(-(evenness - 0.875) / 0.03))
    everything = [z for c in z_shots for z in c] + z_pool
    length = np.sqrt(np.mean([((z - middle) ** 2).sum() for z in everything]))

    rows = [z for c in z_shots for z in c]

    def prior(z):
        text = [trust_in_text * around[c] @ z / text_spread for c in range(N_WAY)]
        return np.array([text[c] + 1.2 * means[c] @ (z - middle) for c in range(N_WAY)])

    gram = np.array([[a @ b for b in rows] for a in rows])
    targets = np.repeat(np.eye(N_WAY), n_shot, 0)
    residual = targets - np.array([prior(z) for z in rows])
    values = np.linalg.solve(gram + constants.ridge * np.eye(len(rows)), residual)
    result = []
    for z, first in zip(z_query, first_query, strict=True):
        regression = kappa * (prior(z) + np.array([z @ row for row in rows]) @ values)
        mixture = 2 * first + 10 * np.array(means) @ (z - middle) / length
        by_regression = trust * n_shot / (n_shot + 1.5)
        result.append(by_regression * regression + (1 - trust) * 0.4 * mixture)
    return np.array(result), evenness


@pytest.mark.parametrize(
    ("shares", "least", "most"),
    [((6, 5, 6, 5), 0.95, 1.0), ((9, 5, 2, 2), 0.8, 0.95), ((20, 1, 1, 0), 0.0, 0.8)],
)
def test_pool__of_any_evenness__gives_what_loops_give(closed_form, shares, least, most):
    task = Pooled(shares=shares)
    expected, evenness = by_loops(closed_form, task)

    result = classify(task.query, closed_form.predict(task.support))[0]

    assert least <= evenness <= most
    torch.testing.assert_close(
        result.softmax(-1), torch.from_numpy(expected).softmax(-1), rtol=1e-6, atol=1e-8
    )


def test_pool__without_a_picture__changes_nothing(trained_like):
    task = Pooled(n_tasks=2)
    generator = trained_like.double()
    hidden = replace(task.support, pool_mask_TU=torch.zeros(2, task.pool.shape[1]).bool())

    bare = generator.predict(task.bare)

    for support in (hidden, replace(task.support, pool_TUD=task.pool[:, :0], pool_mask_TU=None)):
        for name, tensor in generator.predict(support).tensors().items():
            torch.testing.assert_close(tensor, getattr(bare, name), rtol=1e-10, atol=1e-10)


def test_pool__of_a_padded_batch__changes_each_task_as_alone(trained_like):
    generator, tasks = trained_like.double(), Pooled(n_tasks=3)
    mask = torch.ones(3, tasks.pool.shape[1], dtype=torch.bool)
    mask[0, 10:], mask[1] = False, False
    noise = tasks.pool.masked_fill(~mask[..., None], 7.0)

    together = generator.predict(replace(tasks.support, pool_TUD=noise, pool_mask_TU=mask))

    for number in range(3):
        alone = Support.of_tasks(
            tasks.shots[[number]], tasks.text[[number]], logit_scale=SCALE
        ).with_pool(tasks.pool[number][mask[number]])
        expected = generator.predict(alone)
        torch.testing.assert_close(
            classify(tasks.query, together)[number], classify(tasks.query[[number]], expected)[0]
        )
        for name in ("known_quantiles", "own_quantiles", "reject_threshold"):
            torch.testing.assert_close(getattr(together, name)[number], getattr(expected, name)[0])


@pytest.mark.parametrize("n_shot", [3, 0])
def test_pool__classes_shots_or_pictures_in_another_order__change_nothing(trained_like, n_shot):
    generator, task = trained_like.double(), Pooled(n_shot=n_shot)
    classes, shots = torch.tensor([2, 0, 3, 1]), torch.randperm(n_shot)
    pictures = torch.randperm(task.pool.shape[1], generator=torch.Generator().manual_seed(1))
    expected = classify(task.query, generator.predict(task.support))

    other = Pooled(n_shot=n_shot)
    other.shots = task.shots[:, classes][:, :, shots]
    other.text, other.pool = task.text[:, classes], task.pool[:, pictures]
    result = classify(task.query, generator.predict(other.support))

    torch.testing.assert_close(result, expected[..., classes])


def test_pool__beside_names_alone__frees_answers_from_what_all_pictures_share(closed_form):
    task = Pooled(shares=(10, 10, 10, 10), n_shot=0)
    shared = 3 * task.text[:, :1]
    task.pool, task.query = (normalize(rows + shared, dim=-1) for rows in (task.pool, task.query))

    by_names = classify(task.query, closed_form.predict(task.bare)).argmax(-1)
    result = classify(task.query, closed_form.predict(task.support)).argmax(-1)

    assert (by_names == torch.arange(N_WAY)).sum() < N_WAY
    assert (result == torch.arange(N_WAY)).all()


def test_pool__has_a_gradient_by_its_rows(trained_like):
    generator, task = trained_like.double(), Pooled()
    task.pool.requires_grad_()

    classify(task.query, generator(task.support)).softmax(-1)[..., 0].sum().backward()

    assert task.pool.grad.isfinite().all()
    assert task.pool.grad.abs().sum() > 0
