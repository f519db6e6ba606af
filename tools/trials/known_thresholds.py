# ruff: noqa
"""AUROC, pictures that pass the threshold for 95 %, and loss of the known head, with and without energy.

Run: git apply tools/trials/energy_in_known_head.patch
     python -m tools.trials.known_thresholds STORE STORE … [--tasks 60] [--seed 23] [--energies 0,0.5]
"""
import argparse
import numpy as np, torch
from torch.nn.functional import softplus
import metaadapter.generator.known_network as known_network
from metaadapter.adapter.known import known_logits, known_threshold
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.store_sets import set_of_store
from tools.trials.near_strangers import GENERATOR, areas, draw

parser = argparse.ArgumentParser()
parser.add_argument("stores", nargs="+")
parser.add_argument("--tasks", type=int, default=60); parser.add_argument("--seed", type=int, default=23)
parser.add_argument("--energies", default="0,0.5")
asked = parser.parse_args()
torch.set_num_threads(1)
data = [set_of_store(s) for s in asked.stores]
percent = lambda mask: 100 * float(mask.float().mean())
for shots in (1, 4, 16):
    for factor in map(float, asked.energies.split(",")):
        known_network.ENERGY, means = factor, []
        for d in data:
            # Clothes are no far strangers of the other sets.
            others = [o for o in data if o is not d and not o.name.startswith("clothing")]
            rng = np.random.default_rng(asked.seed)
            for _ in range(asked.tasks // 20):
                support, *parts, text = draw(d, others, shots, 20, rng)
                with torch.no_grad():
                    weights = GENERATOR(Support.of_tasks(support, text, logit_scale=d.logit_scale, blocks=d.blocks))
                    q, n, f = [known_logits(x, weights) for x in parts]
                    least = known_threshold(weights, 0.95)[:, None]
                means.append([areas(q, n), areas(q, f), *(percent(x.sigmoid() >= least) for x in (q, n, f)),
                              float(softplus(-q).mean() + softplus(n).mean()) / 2])
        print(shots, factor, "near %.1f far %.1f | pass: known %.1f near %.1f far %.1f | loss %.3f" % tuple(np.mean(means, 0)))
