"""Where the constants of the closed form come from: grids on stores that nothing is reported on.

    python -m tools.closed_form_study STORE… [--tasks 12]

Prints accuracy at 1, 2, 4, 8 and 16 shots for constants around the chosen ones, beside linear ridge
and GDA; the temperature of least loss of each store, and how far leave-one-out is from it; and
accuracy where shots are unequal or missing. All accuracies are means over classes and tasks, then
over stores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch
from metaadapter.adapter import classify
from metaadapter.baselines import PEERS, Peer, Support
from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.methods import as_peer
from metaadapter.generator import leave_one_out, load_generator, regression
from tools.store_tasks import SHOTS, StoreTasks, load_source

GRID: dict[str, dict[str, float]] = {
    "linear ridge": {"MOST_KERNEL_ROWS": 0},
    **{
        f"ridge {ridge}, sharpness {sharpness}": {"RIDGE": ridge, "SHARPNESS": sharpness}
        for ridge in (0.25, 0.5, 1.0)
        for sharpness in (0.3, 0.6, 1.2)
    },
    **{f"text trust {trust}": {"TEXT_TRUST": trust} for trust in (0.0, 0.25, 0.75, 1.0)},
}
"""Changes of the closed form's constants, by name."""
Shots = Callable[[tuple[int, ...], torch.Generator], Tensor]
"""Number of shots of each class, for a shape (T, N)."""
CLOSED_FORM = as_peer(load_generator("closed-form"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--tasks", type=int, default=12)
    args = parser.parse_args()
    torch.set_num_threads(1)
    stores = [StoreTasks.draw(load_source(folder), args.tasks) for folder in args.stores]
    print_grid(stores)
    print_kernel_gain(stores)
    print_temperatures(stores)
    print_weakening(stores)
    print_balance(stores)
    print_bare_trust(stores)


def print_grid(stores: list[StoreTasks]) -> None:
    print_head("head", SHOTS)
    print_row("GDA, α(n)", [mean(accuracies(stores, n_shot, PEERS["GDA"])) for n_shot in SHOTS])
    for name, changes in GRID.items():
        with constants(**changes):
            print_row(name, [mean(accuracies(stores, n_shot)) for n_shot in SHOTS])


def print_kernel_gain(stores: list[StoreTasks]) -> None:
    """What the kernel adds to a linear ridge, paired by task, with 95 % intervals."""
    print_head("kernel ridge − linear ridge", SHOTS)
    gains = []
    for n_shot in SHOTS:
        kernel = accuracies(stores, n_shot)
        with constants(MOST_KERNEL_ROWS=0):
            linear = accuracies(stores, n_shot)
        pairs = zip(kernel, linear, strict=True)
        gains.append(
            Estimate.over_stores([(one - other).mean(1).double().numpy() for one, other in pairs])
        )
    print("| all stores | " + " | ".join(gain.signed() for gain in gains) + " |", flush=True)


def print_temperatures(stores: list[StoreTasks]) -> None:
    print_head("temperature of least loss", SHOTS)
    for store in stores:
        print_row(store.source.name, [best_temperature(store, n_shot) for n_shot in SHOTS])


def print_weakening(stores: list[StoreTasks]) -> None:
    """How much too low leave-one-out alone finds ln κ: of each task, then their mean."""
    shots = SHOTS[1:]
    print_head("ln κ of least loss − by leave-one-out alone", shots)
    with constants(leave_one_out, WEAKENING=0.0):
        for store in stores:
            row = [shortfall_of_temperature(store, n_shot) for n_shot in shots]
            print(f"| {store.source.name} | " + " | ".join(f"{x:+.2f}" for x in row) + " |")


def print_balance(stores: list[StoreTasks]) -> None:
    kinds: dict[str, Shots] = {
        "1–16 shots": lambda shape, draw: torch.randint(1, 17, shape, generator=draw),
        "1 or 16": lambda shape, draw: 1 + 15 * torch.randint(2, shape, generator=draw),
    }
    print_head("balance", kinds)
    for balance in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        with constants(BALANCE=balance):
            print_row(balance, [mean(accuracies(stores, 16, shots=s)) for s in kinds.values()])


def print_bare_trust(stores: list[StoreTasks]) -> None:
    print_head("trust in the text of a bare class", ["all classes", "bare", "with pictures"])
    for trust in (0.5, 1.0, 2.0, 3.0, 4.0, 6.0):
        with constants(BARE_TEXT_TRUST=trust):
            found = accuracies(stores, 4, shots=lambda shape, _: 4 * second_half(shape))
        bare = [right[~second_half(right.shape)] for right in found]
        pictured = [right[second_half(right.shape)] for right in found]
        print_row(trust, [mean(found), mean(bare), mean(pictured)])


@contextmanager
def constants(module: ModuleType = regression, **values: float) -> Iterator[None]:
    """The closed form with some of its constants changed."""
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)


def accuracies(
    stores: list[StoreTasks], n_shot: int, head: Peer = CLOSED_FORM, shots: Shots | None = None
) -> list[Tensor]:
    """Of each store: (T, N) share of each class's queries that are right, in %."""
    draw = torch.Generator().manual_seed(5)
    found = []
    for store in stores:
        batches = [with_shots(batch, shots, draw) for batch in store.batches(n_shot)]
        scale = store.source.logit_scale
        found.append(torch.cat([class_accuracy(batch, head, scale) for batch in batches]))
    return found


def with_shots(batch: EpisodeBatch, shots: Shots | None, draw: torch.Generator) -> EpisodeBatch:
    """The same tasks with fewer pictures in some classes."""
    if shots is None:
        return batch
    counts_TN = shots(batch.class_mask_TN.shape, draw)
    kept_TNK = torch.arange(batch.support_mask_TNK.shape[-1]) < counts_TN[..., None]
    return replace(batch, support_mask_TNK=batch.support_mask_TNK & kept_TNK)


def class_accuracy(batch: EpisodeBatch, head: Peer, logit_scale: float) -> Tensor:
    answers_TQ = classify(batch.query_TQD, head(Support.of(batch), logit_scale)).argmax(-1)
    labels_TQ = batch.query_labels_TQ
    of_class_TQN = labels_TQ[..., None] == torch.arange(batch.class_mask_TN.shape[1])
    right_TQN = of_class_TQN & (answers_TQ == labels_TQ)[..., None]
    return 100 * right_TQN.sum(1) / of_class_TQN.sum(1)


def best_temperature(store: StoreTasks, n_shot: int) -> float:
    """The factor on logits of scale 1 that gives the queries of all tasks the least loss."""
    logits, truth, _ = zip(*answers(store, n_shot), strict=True)
    return least_loss(torch.cat(logits), torch.cat(truth))


def shortfall_of_temperature(store: StoreTasks, n_shot: int) -> float:
    """Mean over tasks of ln(best temperature / predicted one)."""
    ratios = [least_loss(logits, truth) / scale for logits, truth, scale in answers(store, n_shot)]
    return float(torch.tensor(ratios).log().mean())


def answers(store: StoreTasks, n_shot: int) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Of each task: logits of its queries at scale 1, their labels, and the predicted scale."""
    for batch in store.batches(n_shot):
        weights = CLOSED_FORM(Support.of(batch), store.source.logit_scale)
        unscaled_TQN = classify(batch.query_TQD, weights) / weights.logit_scale[:, None, None]
        there_TQ = batch.query_labels_TQ >= 0
        for task, there_Q in enumerate(there_TQ):
            truth = batch.query_labels_TQ[task, there_Q]
            yield unscaled_TQN[task, there_Q], truth, float(weights.logit_scale[task])


def least_loss(logits: Tensor, truth: Tensor) -> float:
    return float(min(torch.logspace(0, 2.3, 70), key=lambda s: cross_entropy(s * logits, truth)))


def second_half(shape: tuple[int, ...]) -> Tensor:
    """Which classes are in the second half; they come in random order."""
    return (torch.arange(shape[-1]) >= shape[-1] // 2).expand(shape)


def mean(of_stores: Iterable[Tensor]) -> float:
    return float(torch.stack([of_store.mean() for of_store in of_stores]).mean())


def print_head(name: str, columns: Iterable[object]) -> None:
    cells = [name, *map(str, columns)]
    print(f"\n| {' | '.join(cells)} |\n" + "|---" * len(cells) + "|")


def print_row(name: object, values: Iterable[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
