"""Features of several blocks: what stays the same, and the adapter against the formula by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.block_weights import block_scalars, log_lengths, reweigh
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.generator import Generator
from metaadapter.generator.relations import Relations, relate
from metaadapter.generator.ridge.leave_one_out import leave_one_out
from metaadapter.generator.ridge.regression import regression
from metaadapter.generator.text_evidence import text_trust

LENGTHS = (0.7, 0.5, 0.3)
SCALE = 20.0


def joined(parts, lengths=LENGTHS):
    """Rows of blocks, each scaled to its length, side by side."""
    scaled = [
        normalize(part, dim=-1) * length for part, length in zip(parts, lengths, strict=False)
    ]
    return normalize(torch.cat(scaled, -1), dim=-1)


class Blocks:
    """A batch of tasks of features in blocks of these widths, the texts in the first alone."""

    def __init__(self, widths=(6, 5, 4), n_tasks=2, n_way=3, n_shot=4, seed=0):
        draw = torch.Generator().manual_seed(seed)

        def randn(*shape):
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        means = [randn(n_tasks, n_way, 1, width) for width in widths]
        self.widths = tuple(widths)
        self.shots = [mean + randn(n_tasks, n_way, n_shot, mean.shape[-1]) for mean in means]
        self.queries = [(mean + randn(*mean.shape)).flatten(1, 2) for mean in means]
        self.text = torch.zeros(n_tasks, n_way, sum(widths), dtype=torch.float64)
        self.text[..., : widths[0]] = normalize(
            means[0][:, :, 0] + randn(*means[0][:, :, 0].shape), dim=-1
        )

    @property
    def support(self):
        return Support.of_tasks(
            joined(self.shots), self.text, logit_scale=SCALE, blocks=self.widths
        )

    @property
    def query(self):
        return joined(self.queries)


@pytest.fixture
def task():
    return Blocks()


def test_lengths__constant_in_a_block__does_not_weaken_it(task):
    """An offset that all pictures share does not change the weight of a block."""
    constant = torch.tensor([9.0, -4.0, 7.0, 0.0, 3.0], dtype=torch.float64)

    def weighed(offset):
        block = task.shots[1] + offset
        length = block.square().sum(-1).mean((1, 2)).sqrt()
        parts = [normalize(task.shots[0], dim=-1), block / length[:, None, None, None]]
        support = Support.of_tasks(torch.cat(parts, -1), blocks=task.widths[:2])
        canonical = canonicalise(support)
        return canonical, reweigh(canonical, log_lengths(canonical))

    plain, moved = weighed(0 * constant), weighed(constant)

    assert (moved[0].block_spread_TP[:, 1] < 0.5 * plain[0].block_spread_TP[:, 1]).all()
    torch.testing.assert_close(moved[1].shots_TNKD, plain[1].shots_TNKD, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("std", [0.0, 0.5])
def test_weighed_blocks__adapter__is_ridge_on_the_stretched_blocks(std):
    """Explicit ridge, task by task, with the blocks stretched coordinate by coordinate."""
    task, generator = Blocks(), Generator().double()
    torch.nn.init.normal_(
        generator.heads.blocks[-1].weight, std=std, generator=torch.Generator().manual_seed(1)
    )
    support, constants = task.support, generator.config.closed_form

    result = classify(task.query, generator.predict(support))

    canonical = canonicalise(support)
    canonical = reweigh(canonical, log_lengths(canonical))
    problem = regression(canonical, constants)
    left_out = leave_one_out(problem)
    trust_TN = text_trust(problem.evidence, canonical, constants)
    relations = Relations(*relate(canonical, left_out))
    tokens, edges = generator.encoder(relations, support.class_mask_TN)
    evidence = block_scalars(canonical)
    logs = generator.heads(tokens, edges, relations, support.class_mask_TN, evidence).log_block_TP
    assert (logs.std() > 0.05) == (std > 0)
    for number in range(support.n_tasks):
        shots = support.support_TNKD[number]
        centre = shots.mean(1).mean(0)
        parts = (shots.flatten(0, 1) - centre).split(task.widths, -1)
        lengths = [part[0, 0].norm() for part in shots.split(task.widths, -1)]
        stretch = torch.cat(
            [
                (log.exp() * length / part.square().sum(1).mean().sqrt()).expand(part.shape[1])
                for log, length, part in zip(logs[number], lengths, parts, strict=True)
            ]
        )
        z = (shots.flatten(0, 1) - centre) * stretch
        spread = z.square().sum(1).mean().sqrt()
        z, query = z / spread, (task.query[number] - centre) * stretch / spread
        text = task.text[number] - task.text[number].mean(0)
        share = z[:, : task.widths[0]].square().sum(1).mean()
        prior = trust_TN[number, 0] * text / (share * text.square().sum(1).mean()).sqrt()

        labels = torch.eye(3, dtype=torch.float64).repeat_interleave(4, 0)
        noise = constants.ridge * torch.eye(len(z), dtype=torch.float64)
        values = torch.linalg.solve(z @ z.T + noise, labels - z @ prior.T)
        level = 12 / (12 + constants.ridge) / 3
        by_hand = left_out.scale_T[number] * (query @ (prior.T + z.T @ values) + level)
        torch.testing.assert_close(result[number], by_hand.detach(), rtol=1e-5, atol=1e-5)


def rotation_inside_blocks(widths):
    draw = torch.Generator().manual_seed(3)
    squares = (torch.randn(w, w, generator=draw, dtype=torch.float64) for w in widths)
    return torch.block_diag(*(torch.linalg.qr(square).Q for square in squares))


@pytest.mark.parametrize("order", [None, (2, 0, 1)], ids=["rotated inside", "in another order"])
def test_blocks__rotated_inside_or_in_another_order__change_nothing(task, trained_like, order):
    turn, blocks, support = rotation_inside_blocks(task.widths), task.widths, task.support
    if order:
        parts = torch.eye(sum(blocks), dtype=torch.float64).split(blocks, 1)
        turn = torch.cat([parts[number] for number in order], 1)
        blocks = tuple(blocks[number] for number in order)
    turned = replace(
        support,
        support_TNKD=support.support_TNKD @ turn,
        text_TND=support.text_TND @ turn,
        blocks=blocks,
    )

    result = classify(task.query @ turn, trained_like.predict(turned))

    expected = classify(task.query, trained_like.predict(support))
    torch.testing.assert_close(result, expected, rtol=1e-7, atol=1e-7)


def test_evidence__of_all_blocks_at_once__is_that_of_each_alone(task):
    """The padded batch of blocks against supports that are cut to one block each."""
    canonical = canonicalise(task.support)
    result = block_scalars(canonical)

    for number, rows in enumerate(task.support.support_TNKD.split(task.widths, -1)):
        text = task.support.text_TND.split(task.widths, -1)[number]
        alone = block_scalars(canonicalise(Support.of_tasks(rows, text, blocks=rows.shape[-1:])))
        # The share of the spread and the likeness to the others tell of all blocks.
        own = [position for position in range(result.shape[-1]) if position not in (0, 8)]
        torch.testing.assert_close(result[:, number, own], alone[:, 0, own], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_shot", [1, 2])
@pytest.mark.parametrize("pictures", ["one in all", "all the same", "different"])
def test_gradients__however_little_the_pictures_differ__are_finite(pictures, n_shot):
    """Rounding is all that equal pictures differ by, and must not be taken for their spread."""
    generator, task = Generator(), Blocks(n_shot=n_shot)
    torch.nn.init.normal_(generator.heads.blocks[-1].weight)
    support = task.support.map(lambda part: part.float() if part.is_floating_point() else part)
    if pictures == "all the same":
        same = support.support_TNKD[:1, :1, :1].expand_as(support.support_TNKD)
        support = replace(support, support_TNKD=same)
    if pictures == "one in all":
        mask = torch.zeros_like(support.support_mask_TNK)
        mask[:, 0, 0] = True
        support = replace(support, support_mask_TNK=mask)

    logits = classify(task.query.float(), generator(support))
    logits.log_softmax(-1)[..., 0].mean().backward()

    assert logits.isfinite().all()
    assert logits.abs().max() < 1e3
    assert all(
        parameter.grad is None or parameter.grad.isfinite().all()
        for parameter in generator.parameters()
    )
