"""Fit the constants of the text trust to the training tasks, with no network.

python -m tools.trials.text_trust configs/train/default.toml --stores STORES [--steps 500]
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from episodes.perturb import perturb
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.assembly import assemble
from metaadapter.generator.block_weights import log_lengths, reweigh
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.closed_form import LARGEST, ClosedForm
from metaadapter.generator.leave_one_out import leave_one_out
from metaadapter.generator.network import Corrections
from metaadapter.generator.regression import regression
from metaadapter.training.config_file import load_config
from metaadapter.training.loss_terms import query_loss
from metaadapter.training.trainer import stream
from metaadapter.training.training_data import load_training_data

FITTED = ("part_of_slope", "growth_by_fit", "trust_decay", "decay_by_fit", "evidence_of_prior")
LR = 0.03


def logits(support: Support, constants: SimpleNamespace, query_TQD: Tensor) -> Tensor:
    canonical = canonicalise(support)
    if len(support.blocks) > 1:
        canonical = reweigh(canonical, log_lengths(canonical))
    problem = regression(canonical, constants)
    none = Corrections.none(canonical, 8)
    return classify(query_TQD, assemble(problem, none, leave_one_out(problem).scale_T))


parser = argparse.ArgumentParser()
parser.add_argument("config", type=Path)
parser.add_argument("--stores", required=True)
parser.add_argument("--steps", type=int, default=500)
args = parser.parse_args()
torch.set_num_threads(1)
config = load_config(args.config, [f"data.root={args.stores}"])
mixture = load_training_data(config).mixture(config, "cpu")
chosen = asdict(ClosedForm())
without = SimpleNamespace(**chosen | {"evidence_of_prior": LARGEST, "decay_by_fit": 0.0})
fitted = {name: torch.tensor(chosen[name], requires_grad=True) for name in FITTED}
optimizer = torch.optim.Adam(fitted.values(), lr=LR)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, args.steps)
draws, changes = stream(0, "episodes"), stream(0, "perturb")
losses: list[tuple[float, float]] = []
for step in range(1, args.steps + 1):
    optimizer.zero_grad()
    for _ in range(2):
        episodes = mixture.draw(8, draws)
        episodes = perturb(episodes, config.perturbations_of(episodes.source), changes)
        batch = episodes.batch
        support = Support.of_batch(batch, episodes.logit_scale, episodes.blocks)
        now = SimpleNamespace(**chosen | fitted)
        loss = query_loss(logits(support, now, batch.query_TQD), batch)
        with torch.no_grad():
            before = query_loss(logits(support, without, batch.query_TQD), batch)
        if loss.isfinite():
            loss.backward()
            losses.append((float(loss.detach()), float(before)))
    optimizer.step()
    schedule.step()
    if step % 100 == 0:
        means = torch.tensor(losses[-200:]).mean(0).tolist()
        values = {name: round(float(value.detach()), 3) for name, value in fitted.items()}
        print(step, f"loss {means[0]:.4f}, without evidence {means[1]:.4f}", values, flush=True)
