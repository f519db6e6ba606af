"""Choose the constants of the closed form by grids on stores that no report uses.

    python -m tools.closed_form_study STORE… [--tasks 12]

Prints the accuracy at 1, 2, 4, 8 and 16 shots for constants around the chosen ones, for linear
ridge and for GDA; the temperature with the least loss on each store, and the error of its
leave-one-out prediction; and the accuracy if classes have unequal or no shots. All accuracies are
means over classes and tasks, then over stores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.peers.by_name import PEERS, Peer
from metaadapter.generator.closed_form import LARGEST, SMALLEST, ClosedForm
from metaadapter.generator.generator import Generator, GeneratorConfig
from tools.store_tasks import SHOTS, StoreTasks, load_source

CHOSEN = ClosedForm()
LINEAR = replace(CHOSEN, most_kernel_rows=0)
GRID = {
    "linear ridge": LINEAR,
    **{
        f"ridge {ridge}, sharpness {sharpness}": replace(CHOSEN, ridge=ridge, sharpness=sharpness)
        for ridge in (0.25, 0.5, 1.0)
        for sharpness in (0.3, 0.6, 1.2)
    },
    **{
        f"text trust {x} in all tasks": replace(CHOSEN, text_trust=x, evidence_of_prior=LARGEST)
        for x in (SMALLEST, 0.25, 0.5, 1.0)
    },
    "text trust half of that": replace(CHOSEN, part_of_slope=CHOSEN.part_of_slope / 2),
    "text trust twice that": replace(CHOSEN, part_of_slope=CHOSEN.part_of_slope * 2),
}
"""The difference from the chosen constants → the constants."""
Shots = Callable[[tuple[int, ...], torch.Generator], Tensor]
"""Number of shots of each class, for a shape (T, N)."""


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
    print_uneven(stores)
    print_bare_trust(stores)


def print_grid(stores: list[StoreTasks]) -> None:
    print_head("head", SHOTS)
    print_row("GDA, α(n)", [mean(accuracies(stores, n_shot, PEERS["GDA"])) for n_shot in SHOTS])
    for name, constants in GRID.items():
        head = closed_form(constants)
        print_row(name, [mean(accuracies(stores, n_shot, head)) for n_shot in SHOTS])


def print_kernel_gain(stores: list[StoreTasks]) -> None:
    """Print the gain of the kernel over a linear ridge, paired by task, with 95 % intervals."""
    print_head("kernel ridge − linear ridge", SHOTS)
    gains = []
    for n_shot in SHOTS:
        kernel, linear = (accuracies(stores, n_shot, closed_form(c)) for c in (CHOSEN, LINEAR))
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
    """Print the error of ln κ, predicted only by leave-one-out, for each task and on average."""
    shots = SHOTS[1:]
    print_head("ln κ of least loss − by leave-one-out alone", shots)
    head = closed_form(replace(CHOSEN, weakening=0.0))
    for store in stores:
        row = [shortfall_of_temperature(store, n_shot, head) for n_shot in shots]
        print(f"| {store.source.name} | " + " | ".join(f"{x:+.2f}" for x in row) + " |")


def print_uneven(stores: list[StoreTasks]) -> None:
    kinds: dict[str, Shots] = {
        "1–16 shots": lambda shape, draw: torch.randint(1, 17, shape, generator=draw),
        "1 or 16": lambda shape, draw: 1 + 15 * torch.randint(2, shape, generator=draw),
        "one of 16, others 1": lambda shape, _: (
            1 + 15 * (torch.arange(shape[-1]) == 0).expand(shape)
        ),
    }
    print_head("large class weight", kinds)
    for weight in (0.0, 0.25, 0.4, 0.6, 0.8, 1.0):
        head = closed_form(replace(CHOSEN, large_class_weight=weight))
        print_row(weight, [mean(accuracies(stores, 16, head, s)) for s in kinds.values()])


def print_bare_trust(stores: list[StoreTasks]) -> None:
    print_head("trust in the text of a bare class", ["all classes", "bare", "with pictures"])
    for trust in (0.5, 1.0, 2.0, 3.0, 4.0, 6.0):
        head = closed_form(replace(CHOSEN, bare_text_trust=trust))
        by_class = accuracies(stores, 4, head, lambda shape, _: 4 * second_half(shape))
        bare = [store[~second_half(store.shape)] for store in by_class]
        pictured = [store[second_half(store.shape)] for store in by_class]
        print_row(trust, [mean(by_class), mean(bare), mean(pictured)])


def closed_form(constants: ClosedForm) -> Peer:
    """The untrained generator with these constants."""
    return Generator(GeneratorConfig(closed_form=constants)).eval().predict


def accuracies(
    stores: list[StoreTasks], n_shot: int, head: Peer, shots: Shots | None = None
) -> list[Tensor]:
    """For each store, return the (T, N) accuracy in % on the queries of each class."""
    draw = torch.Generator().manual_seed(5)
    by_store = []
    for store in stores:
        batches = [with_shots(batch, shots, draw) for batch in store.batches(n_shot)]
        scale = store.source.logit_scale
        by_store.append(torch.cat([class_accuracy(batch, head, scale) for batch in batches]))
    return by_store


def with_shots(batch: EpisodeBatch, shots: Shots | None, draw: torch.Generator) -> EpisodeBatch:
    """Return the same tasks with fewer labelled pictures in some classes."""
    if shots is None:
        return batch
    counts_TN = shots(batch.class_mask_TN.shape, draw)
    kept_TNK = torch.arange(batch.support_mask_TNK.shape[-1]) < counts_TN[..., None]
    return replace(batch, support_mask_TNK=batch.support_mask_TNK & kept_TNK)


def class_accuracy(batch: EpisodeBatch, head: Peer, logit_scale: float) -> Tensor:
    """Return the (T, N) accuracy in % on the queries of each class."""
    weights = head(Support.of_batch(batch, logit_scale))
    predicted_TQ, labels_TQ = classify(batch.query_TQD, weights).argmax(-1), batch.query_labels_TQ
    is_of_class_TQN = labels_TQ[..., None] == torch.arange(batch.class_mask_TN.shape[1])
    correct_TQN = is_of_class_TQN & (predicted_TQ == labels_TQ)[..., None]
    return 100 * correct_TQN.sum(1) / is_of_class_TQN.sum(1)


def best_temperature(store: StoreTasks, n_shot: int) -> float:
    """The factor on logits of scale 1 with the least loss on the queries of all tasks."""
    logits, truth, _ = zip(*answers(store, n_shot, closed_form(CHOSEN)), strict=True)
    return least_loss(torch.cat(logits), torch.cat(truth))


def shortfall_of_temperature(store: StoreTasks, n_shot: int, head: Peer) -> float:
    """The mean over tasks of ln(best temperature / predicted temperature)."""
    ratios = [least_loss(logits, y) / scale for logits, y, scale in answers(store, n_shot, head)]
    return float(torch.tensor(ratios).log().mean())


def answers(store: StoreTasks, n_shot: int, head: Peer) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Yield, for each task, its queries' logits at scale 1, their labels, the predicted scale."""
    for batch in store.batches(n_shot):
        weights = head(Support.of_batch(batch, store.source.logit_scale))
        unscaled_TQN = classify(batch.query_TQD, weights) / weights.logit_scale[:, None, None]
        there_TQ = batch.query_labels_TQ >= 0
        for task, there_Q in enumerate(there_TQ):
            truth = batch.query_labels_TQ[task, there_Q]
            yield unscaled_TQN[task, there_Q], truth, float(weights.logit_scale[task])


def least_loss(logits: Tensor, truth: Tensor) -> float:
    return float(min(torch.logspace(0, 2.3, 70), key=lambda s: cross_entropy(s * logits, truth)))


def second_half(shape: tuple[int, ...]) -> Tensor:
    """A mask of the second half of the classes, which are in random order."""
    return (torch.arange(shape[-1]) >= shape[-1] // 2).expand(shape)


def mean(stores: Iterable[Tensor]) -> float:
    return float(torch.stack([store.mean() for store in stores]).mean())


def print_head(name: str, columns: Iterable[object]) -> None:
    cells = [name, *map(str, columns)]
    print(f"\n| {' | '.join(cells)} |\n" + "|---" * len(cells) + "|")


def print_row(name: object, values: Iterable[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
