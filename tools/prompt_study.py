"""Transfer soft prompts from base to new classes, with and without the predicted adapter.

Usage, for example:

    python -m tools.prompt_study STORE… --out RUN.jsonl --shots 4,16 --draws 5

Each draw takes half of the classes of a feature store as base classes, with pictures, and the other
half as new classes, with names only. Each half is evaluated on its own, as in CoOp. Each line of
RUN.jsonl holds one draw for an encoder, a number of classes and a number of queries; existing draws
are not measured again.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import harmonic_mean, mean, stdev
from time import process_time
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.features.towers.soft_prompt import PromptedTexts, word_vectors
from metaadapter.generator.pretrained import load_generator
from metaadapter.labs.tuning.tune_soft_prompt import SoftPrompt, tune_prompt
from metaadapter.workflow.fit_adapter import predict_adapter

KEY = ("store", "shots", "draw", "encoder", "ways", "queries")
REFERENCE = "predicted"
# CoOp's four words, and KgCoOp's weight.
WORDS, N_CONTEXT, KGCOOP = "a photo of a", 4, 8.0
COOP_STEPS = 50


def main() -> None:
    """Measure missing draws, and print the means."""
    given = _arguments()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    there = [parse_json(line) for line in lines]
    known = {tuple(line.get(key) for key in KEY) for line in there}
    for folder in given.stores:
        store = FeatureStore.open(folder)
        recipe = store.origin
        encoder = FrozenEncoder.load(store.encoder, zoom=recipe.zoom, blocks=recipe.block_names)
        for shots in map(int, given.shots.split(",")):
            for draw in range(given.draws):
                ways = len(store.classes)
                facts = (folder.name, shots, draw, store.encoder, ways, given.queries)
                if facts in known:
                    continue
                task = _draw(store, shots, draw, given.queries)
                there.append({**dict(zip(KEY, facts, strict=True)), "methods": _all(task, encoder)})
                with given.out.open("a") as file:
                    file.write(json_text(there[-1]).replace("\n", " ") + "\n")
    _show(there)


@dataclass(frozen=True)
class Task:
    """Base and new classes, base classes first; queries have the numbers of their classes."""

    names: list[str]
    n_base: int
    rows: Tensor
    labels: Tensor
    queries: Tensor
    query_labels: Tensor
    logit_scale: float
    blocks: tuple[int, ...]


def _draw(store: FeatureStore, shots: int, draw: int, n_query: int) -> Task:
    features, of_picture = store.mean_features()
    rng = np.random.default_rng(draw)
    order = [store.classes[n] for n in rng.permutation(len(store.classes))]
    n_base = (len(order) + 1) // 2
    order = sorted(order[:n_base]) + sorted(order[n_base:])
    support, queries = [], []
    for label in order:
        drawn = rng.permutation(np.flatnonzero(of_picture == label))
        support.append(drawn[:shots])
        queries.append(drawn[max(shots, 16) :][:n_query] if len(drawn) > 16 else drawn[shots:])
    base = np.concatenate(support[:n_base])
    every = np.concatenate(queries)
    rows = normalize(torch.from_numpy(features).float(), dim=-1)
    return Task(
        [readable_name(label) for label in order],
        n_base,
        rows[base],
        torch.arange(n_base).repeat_interleave(torch.tensor([*map(len, support[:n_base])])),
        rows[every],
        torch.arange(len(order)).repeat_interleave(torch.tensor([*map(len, queries)])),
        float(store.logit_scale or 100.0),
        store.blocks,
    )


def _all(task: Task, encoder: FrozenEncoder) -> dict[str, dict[str, float]]:
    """Return method → accuracy in % on base and on new classes, and processor seconds."""
    n_base, base = task.n_base, task.names[: task.n_base]
    begun = process_time()
    figures: dict[str, dict[str, float]] = {}

    def keep(method: str, logits: Tensor) -> None:
        nonlocal begun
        seconds, hits = process_time() - begun, {}
        for part, first, end in (("base", 0, n_base), ("new", n_base, len(task.names))):
            own = (task.query_labels >= first) & (task.query_labels < end)
            predicted = logits[own][:, first:end].argmax(1) + first
            hits[part] = 100 * float((predicted == task.query_labels[own]).double().mean())
        figures[method] = {**hits, "seconds": seconds}
        begun = process_time()

    def by_adapter(texts: Tensor) -> Tensor:
        support = Support.of_rows(
            task.rows, task.labels, texts, logit_scale=task.logit_scale, blocks=task.blocks
        )
        return classify(task.queries.double(), predict_adapter(load_generator("default"), support))

    names = torch.from_numpy(encoder.encode_texts(task.names))
    keep("names alone", task.queries @ names.T)
    centred = (task.queries - task.rows.mean(0)) * names.any(0)
    keep("names alone, centred", centred @ normalize(names - names.mean(0), dim=-1).T)
    keep("CoOp", task.queries @ (coop := _coop(task, encoder, 0.0)).T)
    keep("CoOp, per class", task.queries @ _coop(task, encoder, 0.0, per_class=True).T)
    keep("KgCoOp", task.queries @ (kgcoop := _coop(task, encoder, KGCOOP)).T)
    always = tune_prompt(encoder, task.rows, task.labels, base, SoftPrompt(n_steps=10))
    prompted = _read(encoder, always.tensors, task.names)
    keep("prompt alone", task.queries @ prompted.T)
    keep(REFERENCE, by_adapter(names))
    keep("predicted, on CoOp's texts", by_adapter(coop))
    keep("predicted, on KgCoOp's texts", by_adapter(kgcoop))
    keep("predicted, prompt always", by_adapter(torch.cat([names[:n_base], prompted[n_base:]])))
    chosen = tune_prompt(encoder, task.rows, task.labels, base)
    new = _read(encoder, chosen.tensors, task.names)[n_base:] if chosen.tensors else names[n_base:]
    keep("predicted, prompt if borne out", by_adapter(torch.cat([names[:n_base], new])))
    figures["predicted, prompt if borne out"]["kept"] = float(bool(chosen.tensors))
    return figures


def _read(encoder: FrozenEncoder, tensors: dict[str, Tensor], names: Sequence[str]) -> Tensor:
    return torch.from_numpy(PromptedEncoder(encoder, tensors).encode_texts(names))


def _coop(
    task: Task, encoder: FrozenEncoder, closeness: float, *, per_class: bool = False
) -> Tensor:
    """Return the texts of all classes after training CoOp or KgCoOp, as wide as pictures.

    If each class has its own context, new classes are read with the initial context.
    """
    base = task.names[: task.n_base]
    groups = [[name] for name in base] if per_class else [base]
    readers = []
    for group in groups:
        network = encoder.copied_network()
        words = word_vectors(network, encoder.tokenize, WORDS, N_CONTEXT)
        texts = PromptedTexts(network, encoder.tokenize, words)
        readers.append((texts, texts.shorten(texts.tokens([*group, *task.names]))))
    hand_written = torch.from_numpy(encoder.encode_texts(base))
    wide = torch.from_numpy(
        encoder.as_wide_as_pictures(
            np.eye(readers[0][0](readers[0][1][:1]).shape[1], dtype=np.float32)
        )
    )
    contexts = [texts.context for texts, _ in readers]
    unit = float(contexts[0].detach().square().mean().sqrt())
    optimizer = torch.optim.Adam(contexts, lr=SoftPrompt().lr * unit)
    pictures = task.rows @ wide.T
    hand_written = normalize(hand_written @ wide.T, dim=-1)
    n_own = len(groups[0])
    for _ in range(COOP_STEPS):
        classes = torch.cat([texts(tokens[:n_own]) for texts, tokens in readers])
        loss = cross_entropy(task.logit_scale * pictures @ classes.T, task.labels)
        loss = loss + closeness * (classes - hand_written).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        if not per_class:
            texts, tokens = readers[0]
            return texts(tokens[n_own:]) @ wide
        own = torch.cat([texts(tokens[:1]) for texts, tokens in readers])
        texts, tokens = readers[0]
        texts.context.copy_(word_vectors(encoder.network, encoder.tokenize, WORDS, N_CONTEXT))
        return torch.cat([own, texts(tokens[1 + task.n_base :])]) @ wide


def _show(lines: list[dict[str, Any]]) -> None:
    """Print means over the draws of each store, then over stores; differences are paired."""
    shared = ("shots", "encoder", "queries")
    for facts in sorted({tuple(line.get(key) for key in shared) for line in lines}, key=str):
        some = [line for line in lines if tuple(line.get(key) for key in shared) == facts]
        print(
            "{} shots, {}, {} queries: base, new, harmonic mean, ".format(*facts)
            + f"less {REFERENCE}, seconds"
        )
        for method in some[0]["methods"]:
            of_store = defaultdict(list)
            for line in some:
                own, other = line["methods"][method], line["methods"][REFERENCE]
                both = harmonic_mean([own["base"], own["new"]])
                less = both - harmonic_mean([other["base"], other["new"]])
                kept = own.get("kept", 1.0)
                of_store[f"{line['store']} ({line.get('ways')})"].append(
                    (own["base"], own["new"], both, less, own["seconds"], kept)
                )
            columns = [
                [mean(column) for column in zip(*draws, strict=True)] for draws in of_store.values()
            ]
            means = [mean(column) for column in zip(*columns, strict=True)]
            gains = [[row[3] for row in draws] for draws in of_store.values()]
            error = sum(stdev(draws) ** 2 / len(draws) for draws in gains) ** 0.5 / len(gains)
            reach = student.ppf(0.975, sum(len(draws) - 1 for draws in gains)) * error
            by_store = " ".join(
                f"{name} {column[2]:.1f}" for name, column in zip(of_store, columns, strict=True)
            )
            print(
                f"{method:32s} {means[0]:5.1f} {means[1]:5.1f} {means[2]:5.1f} {means[3]:+5.1f} ± "
                f"{reach:.1f} {means[4]:5.1f} s  {by_store}  kept {means[5]:.0%}"
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path, help="feature stores of pictures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shots", default="4,16")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--queries", type=int, default=30, help="query pictures per class")
    return parser.parse_args()


if __name__ == "__main__":
    main()
