"""Measure trained peers on one task of 1,000 ways, 16 shots and width 512, on one thread.

python -m tools.trials.peers_at_1000_ways PEER STEPS prints the processor seconds of STEPS steps (0:
all steps of the peer) and the MiB that the peer needs.
"""

from __future__ import annotations

import sys
import time

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.cost import peak_mib, reset_peak
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer

WAYS, SHOTS, WIDTH = 1000, 16, 512


def main(name: str, n_steps: int) -> None:
    """Fit the peer to one random task whose classes are Gaussian."""
    torch.set_num_threads(1)
    draw, cpu = torch.Generator().manual_seed(0), torch.device("cpu")
    centres = torch.randn(WAYS, WIDTH, generator=draw)
    texts = normalize(centres + torch.randn(WAYS, WIDTH, generator=draw), dim=-1)
    noise = 2 * torch.randn(WAYS, SHOTS, WIDTH, generator=draw)
    rows = normalize(centres[:, None] + noise, dim=-1)
    peer = load_meta_peer(name) if name in META_PEERS else PEERS[name]
    peer(Support.of_tasks(rows[None, :3, :2], texts[None, :3], logit_scale=100.0))  # imports
    for module_name, module in list(sys.modules.items()):
        if n_steps and module_name.startswith("metaadapter.bench.peers."):
            vars(module).update(N_STEPS=n_steps) if hasattr(module, "N_STEPS") else None
    before, started = reset_peak(cpu), time.process_time()
    peer(Support.of_tasks(rows[None], texts[None], logit_scale=100.0))
    seconds, memory = time.process_time() - started, peak_mib(cpu, before)
    print(f"{name}\t{n_steps or 'all'} steps\t{seconds:.1f} s\t{memory:.0f} MiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
