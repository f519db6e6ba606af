"""The time to fine-tune 64 tasks, in one batch and one by one: 5 ways, 5 shots, 100 steps."""

from __future__ import annotations

import time

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.gradient_steps import FineTune

N_TASKS, N_WAY, N_SHOT, WIDTH, N_STEPS = 64, 5, 5, 512, 100


def measure() -> dict[str, float]:
    """Seconds for all tasks both ways, on one thread, and their ratio; the target is ≤ 0.1."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        draw = torch.Generator().manual_seed(0)
        generator, settings = load_generator("default"), FineTune(n_steps=N_STEPS)
        shots = normalize(torch.randn(N_TASKS, N_WAY, N_SHOT, WIDTH, generator=draw), dim=-1)
        texts = normalize(torch.randn(N_TASKS, N_WAY, WIDTH, generator=draw), dim=-1)

        def seconds(size: int) -> float:
            started = time.perf_counter()
            for part in range(0, N_TASKS, size):
                tasks = slice(part, part + size)
                fine_tune(generator, Support.of_tasks(shots[tasks], texts[tasks]), settings)
            return time.perf_counter() - started

        seconds(N_TASKS)
        together, alone = seconds(N_TASKS), seconds(1)
        return {
            "together_seconds": together,
            "one_by_one_seconds": alone,
            "together_to_one_by_one_ratio": together / alone,
        }
    finally:
        torch.set_num_threads(threads)
