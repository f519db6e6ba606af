"""The hot paths against the floor of the machine: matrix products and memory traffic, measured.

A path needs at least the time of its floating-point operations at the rate of a large matrix
product, and at least the time of its bytes at the bandwidth of a copy. The larger of the two is the
floor; the share is floor / time. Operations are those of matrix products and convolutions, counted
by PyTorch; bytes are those of the inputs, weights and results, each once.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.flop_counter import FlopCounterMode

from episodes import EpisodeSampler, EpisodeSpec, TaskSource, gather
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import load_config
from metaadapter.training.random_streams import streams_of_step
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

N_MATRIX, N_COPY, REPEATS = 1024, 2**25, 7
# NVIDIA H100 SXM, from its data sheet: single precision without tensor cores, and memory.
H100_FLOPS, H100_BYTES = 67e12, 3.35e12
STEP = """
[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 100, width = 512 }
[optim]
steps = 2
"""


@dataclass(frozen=True, slots=True)
class HotPath:
    """One hot path: an action, the units (pictures, tasks) it handles, and the bytes it needs."""

    name: str
    action: Callable[[], object]
    units: int
    n_bytes: float


def measure() -> dict[str, float]:
    """Figures of the machine, and of each path per unit: operations, bytes, time, share."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            paths = [_encode(), _predict(), _classify(), _step(Path(folder)), _gather()]
            paths.append(_open(Path(folder)))
            return _measured(paths)
    finally:
        torch.set_num_threads(threads)


def _measured(paths: list[HotPath]) -> dict[str, float]:
    matrix, block = torch.randn(N_MATRIX, N_MATRIX), torch.randn(N_COPY)
    goal = torch.empty_like(block)
    times: dict[str, list[float]] = {}
    actions = {
        "matmul": lambda: matrix @ matrix,
        "copy": lambda: goal.copy_(block),
        **{path.name: path.action for path in paths},
    }
    for repeat in range(REPEATS + 1):
        for name, action in actions.items():
            start = time.process_time()
            action()
            if repeat:  # the first is a warm-up
                times.setdefault(name, []).append(time.process_time() - start)
    best = {name: min(measured) for name, measured in times.items()}
    rate, bandwidth = 2 * N_MATRIX**3 / best["matmul"], 2 * block.nbytes / best["copy"]
    figures = {"matmul_gflops": rate / 1e9, "copy_gb_s": bandwidth / 1e9}
    for path in paths:
        with FlopCounterMode(display=False) as counter:
            path.action()
        n_flops, n_bytes = counter.get_total_flops() / path.units, path.n_bytes / path.units
        figures |= {
            f"{path.name}_mflop": n_flops / 1e6,
            f"{path.name}_mb": n_bytes / 1e6,
            f"{path.name}_ms": 1e3 * best[path.name] / path.units,
            f"{path.name}_floor_ms": 1e3 * max(n_flops / rate, n_bytes / bandwidth),
            f"{path.name}_h100_floor_ms": 1e3 * max(n_flops / H100_FLOPS, n_bytes / H100_BYTES),
        }
        share = figures[f"{path.name}_floor_ms"] / figures[f"{path.name}_ms"]
        figures[f"{path.name}_share"] = share
    return figures


def _unit(*shape: int) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(0)), dim=-1)


def _nbytes(*tensors: Tensor) -> float:
    return float(sum(tensor.nbytes for tensor in tensors))


def _encode() -> HotPath:
    encoder, n = FrozenEncoder.load("tiny"), 16
    picture = Image.new("RGB", (256, 256))
    pixels = encoder.look(picture)[None].repeat(n, 1, 1, 1, 1)
    weights = encoder.network.visual.parameters()
    return HotPath("encode", lambda: encoder.encode_looks(pixels), n, _nbytes(pixels, *weights))


def _predict() -> HotPath:
    generator, n, n_way, n_shot, width = load_generator("default"), 64, 10, 4, 1024
    support = Support.of_tasks(
        _unit(n, n_way, n_shot, width), _unit(n, n_way, width), logit_scale=100.0
    )
    weights = generator.predict(support)
    n_bytes = _nbytes(*support.tensors().values(), *weights.tensors().values())
    return HotPath("predict", lambda: generator.predict(support), n, n_bytes)


def _classify() -> HotPath:
    support = Support.of_tasks(_unit(1, 100, 4, 1024), _unit(1, 100, 1024), logit_scale=100.0)
    weights, rows = load_generator("default").predict(support), _unit(1, 10_000, 1024)
    n_bytes = _nbytes(rows, *weights.tensors().values()) + 10_000 * 100 * 4
    return HotPath("classify", lambda: classify(rows, weights), rows.shape[1], n_bytes)


def _step(folder: Path) -> HotPath:
    file = folder / "step.toml"
    file.write_text(STEP, encoding="utf-8")
    config: TrainConfig = load_config(file)
    data, cpu = load_training_data(config), torch.device("cpu")
    trainer = Trainer(config, data.mixture(config, cpu), data.validator(config, cpu), cpu)
    n_tasks = config.optim.tasks_per_draw
    size = config.episodes.n_way[1] * (config.episodes.n_shot[1] + config.episodes.n_query)
    numbers = count()

    def step() -> None:
        with streams_of_step(0, next(numbers)) as random:
            trainer._backward(random)

    return HotPath("train", step, n_tasks, n_tasks * size * 512 * 4.0)


def _gather() -> HotPath:
    source = TaskSource(
        name="bench",
        features_nVD=_unit(10_000, 1, 512),
        labels_n=torch.arange(100).repeat_interleave(100),
        text_CD=_unit(100, 512),
        logit_scale=100.0,
    )
    sampler = EpisodeSampler(source.index, EpisodeSpec((5, 5), (5, 5), 15, alike=True))
    rows = sampler.draw(32, torch.Generator().manual_seed(0))
    # Each feature is read and written: support, queries, texts and means of the classes.
    return HotPath(
        "gather", lambda: gather(rows, source), 32, 2 * 32 * 5 * (5 + 15 + 2) * 512 * 4.0
    )


def _open(folder: Path) -> HotPath:
    store, n = folder / "store", 200_000
    rows = np.random.default_rng(0).standard_normal((n, 16), dtype=np.float32)
    FeatureStore.create(store, rows, [f"class {row % 100}" for row in range(n)])
    size = (store / "store.json").stat().st_size
    return HotPath("open", lambda: FeatureStore.open(store), 1, float(size))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
