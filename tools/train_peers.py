"""Meta-train the peers that learn on training tasks: Meta-Adapter, MAML, ANIL and MetaQDA.

    python -m tools.train_peers CONFIG --out FOLDER [--set KEY=VALUE]… [--only NAME,NAME]

CONFIG is the configuration of a generator, such as `configs/train/default.toml`, which gives data,
tasks and seed. Writes FOLDER/NAME, whose path `metaadapter evaluate --methods` accepts. The weights
after the last step are kept; the validation sets are only measured at the end. The peers learn only
on the joint features. Tasks are not perturbed: perturbations teach a generator to serve any encoder
and to doubt texts, which these heads cannot learn.
`docs/reference/peers.md` explains the choice of the settings.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from episodes import EpisodeBatch, TaskSource
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.maml import Start
from metaadapter.bench.peers.meta_adapter import Attention, meta_adapter
from metaadapter.bench.peers.meta_qda import Prior, logits
from metaadapter.bench.peers.meta_trained import META_PEERS, MetaPeer, save_meta_peer
from metaadapter.data.checksums import TRAINING_RECORD, write_document
from metaadapter.errors import DataError
from metaadapter.training.config import OptimConfig, TrainConfig
from metaadapter.training.config_file import load_config
from metaadapter.training.loss_terms import query_loss
from metaadapter.training.optimizer import WEIGHT_DECAY, rate_of_step
from metaadapter.training.random_streams import stream
from metaadapter.training.sources import LoadedSource
from metaadapter.training.trainer import MOST_GRADIENT
from metaadapter.training.training_data import TrainingData, load_training_data
from tools.first_prior import first_prior
from tools.inner_steps import task_losses
from tools.store_tasks import StoreTasks

N_TASKS_VALIDATED = 40

Losses = Callable[[Mapping[str, Tensor], EpisodeBatch, float], Iterable[Tensor]]
"""Learned weights, tasks and temperature → losses; the gradients of all losses are added."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The training recipe of a peer, chosen on training stores."""

    optim: OptimConfig
    scalar_lr: float
    """The learning rate of single numbers: the gate's bias, the logarithm of the inner rate."""
    n_hidden: int = 64
    """Width of the visual adapter's bottleneck."""
    inner_rate: float = 30.0
    """The initial inner learning rate, multiplied by the square of the temperature."""


RECIPES = {
    "Meta-Adapter": Recipe(
        OptimConfig(steps=3000, tasks_per_draw=8, draws_per_step=2, lr=3e-3), scalar_lr=3e-2
    ),
    "MAML": Recipe(OptimConfig(steps=800, tasks_per_draw=8, draws_per_step=2), scalar_lr=1e-2),
    "ANIL": Recipe(OptimConfig(steps=800, tasks_per_draw=8, draws_per_step=2), scalar_lr=1e-2),
    "MetaQDA": Recipe(
        OptimConfig(steps=1200, tasks_per_draw=4, draws_per_step=2, lr=1e-4), scalar_lr=3e-2
    ),
}


def main() -> None:
    """Train, evaluate and write."""
    args = _arguments()
    torch.set_num_threads(1)
    config = load_config(args.config, args.set)
    data = data_of_one_width(joint_alone(load_training_data(config)))
    sets = [
        StoreTasks.draw(source.tasks, N_TASKS_VALIDATED, config.seed)
        for kind in ("classes", "domains")
        for source in data.validation[kind]
    ]
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for name in args.only or META_PEERS:
            recipe = RECIPES[name] if args.steps is None else _shorter(RECIPES[name], args.steps)
            started = time.monotonic()
            task = progress.add_task(name, total=recipe.optim.steps)
            peer = learn(
                name, data, config, recipe, tell=lambda _, task=task: progress.advance(task)
            )
            save_meta_peer(peer, args.out / name.casefold())
            accuracy = {tasks.source.name: _accuracy(peer, tasks) for tasks in sets}
            record = describe(data, config, recipe, accuracy, time.monotonic() - started)
            path = args.out / name.casefold() / "training.json"
            write_document(path, {"schema": TRAINING_RECORD, **record})
            print(name, json.dumps(accuracy))


def joint_alone(data: TrainingData) -> TrainingData:
    """Keep only the joint features of sources that have more blocks.

    Texts have only the joint coordinates; a source without texts is not changed.
    """

    def reduced(source: LoadedSource) -> LoadedSource:
        tasks = source.tasks
        used = tasks.text_CD.any(0)
        if used.all() or not used.any():
            return source
        rows = tasks.features_nVD[..., used]
        joint = replace(
            tasks,
            features_nVD=normalize(rows, dim=-1),
            text_CD=normalize(tasks.text_CD[:, used], dim=-1),
            logit_scale=tasks.logit_scale * float(rows[0, 0].norm()),
            blocks=(),
        )
        return replace(source, tasks=joint)

    return replace(
        data,
        sources=tuple(map(reduced, data.sources)),
        validation={
            kind: tuple(map(reduced, sources)) for kind, sources in data.validation.items()
        },
    )


def data_of_one_width(data: TrainingData) -> TrainingData:
    """Leave out sources and validation sets whose width differs from the first."""
    width = data.sources[0].tasks.features_nVD.shape[-1]

    def kept(sources: Iterable[LoadedSource]) -> tuple[LoadedSource, ...]:
        return tuple(source for source in sources if source.tasks.features_nVD.shape[-1] == width)

    return replace(
        data,
        sources=kept(data.sources),
        validation={kind: kept(loaded) for kind, loaded in data.validation.items()},
    )


def learn(
    name: str,
    data: TrainingData,
    config: TrainConfig,
    recipe: Recipe,
    *,
    tell: Callable[[float], None] = lambda _loss: None,
) -> MetaPeer:
    """Train a peer, and return it after its last step.

    Args:
        name: A name in `META_PEERS`.
        data: Sources of one width.
        config: The tasks and the seed.
        recipe: The training recipe.
        tell: Receives the loss of each step.

    Raises:
        DataError: A loss is not finite.
    """
    width = data.sources[0].tasks.features_nVD.shape[-1]
    tasks = [source.tasks for source in data.sources]
    learned = _first(name, tasks, recipe, stream(config.seed, "network"))
    losses_of = LOSSES[name]
    mixture = data.mixture(config, "cpu")
    draw = stream(config.seed, "episodes")
    optim = recipe.optim
    optimizer = torch.optim.AdamW(
        [
            {"params": [parameter for parameter in learned.values() if parameter.ndim]},
            {
                "params": [parameter for parameter in learned.values() if not parameter.ndim],
                "lr": recipe.scalar_lr,
                "weight_decay": 0.0,
            },
        ],
        lr=optim.lr,
        weight_decay=WEIGHT_DECAY,
    )
    schedule = LambdaLR(optimizer, partial(rate_of_step, n_steps=optim.steps))
    for step in range(optim.steps):
        optimizer.zero_grad()
        total = 0.0
        for _ in range(optim.draws_per_step):
            episodes = mixture.draw(optim.tasks_per_draw, draw)
            for loss in losses_of(learned, episodes.batch, episodes.logit_scale):
                part = loss / optim.tasks_per_step
                part.backward()
                total += float(part.detach())
        if not math.isfinite(total):
            raise DataError(
                f"{name}: the loss of step {step} is {total}; look for rows of zeros or NaN in the "
                "feature stores, or lower the rates in tools/train_peers.py"
            )
        clip_grad_norm_(learned.values(), MOST_GRADIENT)
        optimizer.step()
        schedule.step()
        tell(total)
    encoders = frozenset(source.encoder for source in data.sources)
    return MetaPeer(
        name, width, encoders, {key: parameter.detach() for key, parameter in learned.items()}
    )


def describe(
    data: TrainingData,
    config: TrainConfig,
    recipe: Recipe,
    accuracy: Mapping[str, Mapping[int, float]],
    seconds: float,
) -> dict[str, Any]:
    """The record of the training, which is written with the weights."""
    return {
        # The record names no validation set, because no choice depends on one.
        "data": {
            "training": [source.describe() for source in data.sources],
            "validation_classes": [],
            "validation_domains": [],
        },
        "accuracy": accuracy,
        "episodes": asdict(config.episodes),
        "recipe": {**asdict(recipe), "optim": recipe.optim.model_dump(mode="json")},
        "seed": config.seed,
        "seconds": round(seconds, 1),
        "versions": {name: metadata.version(name) for name in ("metaadapter", "torch")},
    }


def _shorter(recipe: Recipe, steps: int) -> Recipe:
    optim = recipe.optim.model_copy(update={"steps": steps})
    return replace(recipe, optim=optim)


def _first(
    name: str, sources: Sequence[TaskSource], recipe: Recipe, generator: torch.Generator
) -> dict[str, torch.nn.Parameter]:
    """The weights before the first step; drawn ones uniform in ±1/√D as in `torch.nn.Linear`."""
    width = sources[0].features_nVD.shape[-1]

    def layer(*shape: int) -> Tensor:
        return (2 * torch.rand(shape, generator=generator) - 1) / width**0.5

    first: Attention | Start | Prior
    if name == "Meta-Adapter":
        first = Attention(layer(width, width), layer(width, width), layer(width), torch.tensor(1.0))
    elif name == "MetaQDA":
        first = first_prior(sources)
    else:
        # The adapter initially changes nothing, as CLIP-Adapter does here.
        first = Start(
            layer(recipe.n_hidden, width),
            torch.zeros(width, recipe.n_hidden),
            torch.tensor(recipe.inner_rate).log(),
        )
    return {field.name: torch.nn.Parameter(getattr(first, field.name)) for field in fields(first)}


def _attention_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float
) -> Iterable[Tensor]:
    weights = meta_adapter(Support.of_batch(batch, scale), Attention(**learned))
    yield len(batch.text_TND) * query_loss(classify(batch.query_TQD, weights), batch)


def _density_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float
) -> Iterable[Tensor]:
    logits_TQN = logits(Support.of_batch(batch, scale), batch.query_TQD, Prior(**learned))
    yield len(batch.text_TND) * query_loss(logits_TQN, batch)


LOSSES: dict[str, Losses] = {
    "Meta-Adapter": _attention_losses,
    "MAML": partial(task_losses, moves_adapter=True),
    "ANIL": partial(task_losses, moves_adapter=False),
    "MetaQDA": _density_losses,
}


def _accuracy(peer: MetaPeer, tasks: StoreTasks) -> dict[int, float]:
    """Mean accuracy in % by shots."""
    return {k: round(float(tasks.accuracy_T(peer, k).mean()), 2) for k in tasks.shots}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="configuration of a generator's training")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", type=lambda names: names.split(","), metavar="NAME,NAME")
    parser.add_argument("--steps", type=int, help="number of steps, instead of the recipe's")
    args = parser.parse_args()
    unknown = sorted(set(args.only or ()) - set(META_PEERS))
    if args.steps is not None and args.steps < 1:
        parser.error(f"--steps expects a whole number of at least 1, got {args.steps}")
    for folder in (args.out / name.casefold() for name in args.only or META_PEERS):
        if folder.exists():
            parser.error(f"{folder} exists already; name another folder, or move it away")
    if unknown:
        parser.error(f"no meta-trained peer {unknown[0]!r}; there are: {', '.join(META_PEERS)}")
    return args


if __name__ == "__main__":
    main()
