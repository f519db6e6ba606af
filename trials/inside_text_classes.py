"""Adapters in the text tower's blocks, trained with classes' texts left out, draw by draw.

    python -m trials.inside_text_classes STORE… --out RUN.jsonl --jobs new:1,5:0,1,2,3 all:1:0,1
    python -m trials.inside_text_classes --out RUN.jsonl   # only shows the run

Pictures come from feature stores. Each line of RUN.jsonl is one path of steps on one draw: the
accuracies in % after some numbers of steps. Two uses are measured: "new", where half of at most 20
classes are known by their names alone and each half is judged among itself (harmonic mean), and
"all", where every class has pictures. Losses: "prompt", that of a learned prompt, and "episodes",
where in each step half of the classes with pictures are named alone.
"""

import argparse
import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import harmonic_mean, mean, stdev
from time import process_time

import numpy as np
import torch
from scipy.stats import t as student
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter import Support, classify
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.features import FeatureStore, FrozenEncoder, readable_name
from metaadapter.features.prompts import fill_template
from metaadapter.files.strict_json import json_text, parse_json
from metaadapter.generator import load_generator
from metaadapter.towers import InsideConfig, find_places, insert_inside
from metaadapter.towers.soft_prompt import shorten
from metaadapter.tuning.soft_prompt import _best_scale, _centred_unit

CHECKED = [0]  # and those of --steps
WARM_UP = 4
KEY = ("set", "use", "shots", "draw", "kind", "loss", "lr", "closeness")
SETTINGS = list(
    itertools.product(("bottleneck", "lora"), ("prompt", "episodes"), (1e-3, 3e-3), (1.0, 8.0))
)


@dataclass
class Task:
    """Classes with pictures come first; what is asked has the numbers of classes."""

    names: list
    n_base: int
    rows: torch.Tensor
    labels: torch.Tensor
    asked: torch.Tensor
    asked_labels: torch.Tensor
    blocks: tuple


def draw_task(store, use, shots, draw, n_query):
    features, of_picture = store.mean_features()
    rng = np.random.default_rng([draw, 15])
    order = [store.classes[n] for n in rng.permutation(len(store.classes))][:20]
    n_base = (len(order) + 1) // 2
    order = sorted(order[:n_base]) + sorted(order[n_base:])
    support, asked = [], []
    for label in order:
        drawn = rng.permutation(np.flatnonzero(of_picture == label))
        support.append(drawn[:shots])
        asked.append(drawn[16:][:n_query])
    if use == "all":
        n_base = len(order)
    rows = normalize(torch.from_numpy(features).float(), dim=-1)
    return Task(
        [readable_name(label) for label in order],
        n_base,
        rows[np.concatenate(support[:n_base])],
        torch.arange(n_base).repeat_interleave(torch.tensor([*map(len, support[:n_base])])),
        rows[np.concatenate(asked)],
        torch.arange(len(order)).repeat_interleave(torch.tensor([*map(len, asked)])),
        store.blocks,
    )


@cache
def text_places(encoder):
    return [each for each in find_places(encoder.network) if each.tower == "text"]


class Texts:
    """Texts of all names, by the text tower with adapters as they are by now."""

    def __init__(self, encoder, names, kind, seed):
        self.network = encoder.copied_network()
        lora = kind == "lora"
        config = InsideConfig(
            kind=kind, towers=("text",), width=8 if lora else 64, alpha=16.0 if lora else None
        )
        self.parameters = insert_inside(self.network, config, text_places(encoder), seed=seed)
        self.logit_scale = float(encoder.logit_scale)
        self.n_templates = len(encoder.templates)
        sentences = [fill_template(each, name) for name in names for each in encoder.templates]
        self.tokens = shorten(self.network, encoder.tokenize(sentences))
        with torch.no_grad():
            self.start = self.now(len(names))
        wide = encoder.as_wide_as_pictures(np.eye(self.start.shape[1], dtype=np.float32))
        self.wide = torch.from_numpy(wide)  # (joint, wide)

    def check(self, encoder, names):
        hand_written = torch.from_numpy(encoder.encode_texts(names))
        torch.testing.assert_close(self.start @ self.wide, hand_written, atol=1e-5, rtol=0)

    def now(self, n_first):
        """Unit rows of the first names, differentiable."""
        found = self.network.encode_text(self.tokens[: n_first * self.n_templates]).float()
        each = normalize(found, dim=-1).reshape(n_first, self.n_templates, -1)
        return normalize(each.mean(1), dim=-1)

    def read(self, now, known):
        """As a prompt is read: known names are hand-written; others are moved as far as these not.

        now: texts of the first names; known: which of them have pictures.
        """
        start = self.start[: len(now)]
        moved = now - start
        new = normalize(start + moved - moved[known].mean(0), dim=-1)
        return torch.where(known[:, None], start, new)


def episode(task, texts, now, generator, rng, use):
    """The cross-entropy of an adapter that knows a half of the classes by their names alone."""
    n_base = task.n_base
    named = torch.zeros(n_base, dtype=torch.bool)
    named[rng.permutation(n_base)[: n_base // 2]] = True
    kept, asked = [], []
    for label in range(n_base):
        own = rng.permutation(np.flatnonzero(task.labels.numpy() == label)).tolist()
        quarter = max(1, len(own) // 4)
        asked += own[:quarter]
        kept += [] if named[label] else own[quarter:]
    read = now if use == "all" else texts.read(now, ~named)
    support = Support.of_rows(
        task.rows[kept],
        task.labels[kept],
        read @ texts.wide,
        logit_scale=texts.logit_scale,
        blocks=task.blocks,
    )
    logits = classify(task.rows[asked][None], generator(support))[0]
    labels, loss = task.labels[asked], 0.0
    for half in (named, ~named):
        own, among = half[labels], half.nonzero()[:, 0]
        if len(among) < 2:  # one that is alone is told from all
            among = torch.arange(n_base)
        if own.any():
            target = torch.searchsorted(among, labels[own])
            loss = loss + 0.5 * cross_entropy(logits[own][:, among], target)
    return loss


def judge(task, texts, now, use):
    """Accuracies in %: of the adapter, and of new classes by their centred names alone."""
    known = torch.arange(len(task.names)) < task.n_base
    wide = (now if use == "all" else texts.read(now, known)) @ texts.wide
    support = Support.of_rows(
        task.rows, task.labels, wide, logit_scale=texts.logit_scale, blocks=task.blocks
    )
    logits = classify(task.asked.double(), predict_adapter(judge.generator, support))
    labels = task.asked_labels

    def accuracy(said, first, end):
        own = (labels >= first) & (labels < end)
        return 100 * float(
            (said[own][:, first:end].argmax(1) + first == labels[own]).double().mean()
        )

    n, n_base = len(task.names), task.n_base
    if use == "all":
        log_loss = float(cross_entropy(logits, labels))
        return {"score": accuracy(logits, 0, n), "log_loss": log_loss}
    centred = normalize((task.asked - task.rows.mean(0)) * wide.any(0), dim=-1)
    names = centred @ _centred_unit(now @ texts.wide).T
    base, new = accuracy(logits, 0, n_base), accuracy(logits, n_base, n)
    alone = accuracy(names, n_base, n)
    return {"score": harmonic_mean([base, new]), "base": base, "new": new, "names": alone}


def left_out(task, encoder, generator, kind, setting, seed):
    """Steps → gain in log loss and its standard error, of pictures of each half of the classes.

    The other half was learned from; "names" is by centred names, "adapter" by a predicted adapter.
    """
    losses = defaultdict(list)
    numbers = torch.arange(task.n_base)
    for half in range(2):
        out, learned = numbers[half::2], numbers[1 - half :: 2]
        order = torch.cat([learned, out])
        place = torch.argsort(order)
        is_out = torch.isin(task.labels, out)
        part = Task(
            [task.names[n] for n in order],
            len(learned),
            task.rows[~is_out],
            place[task.labels[~is_out]],
            task.rows[is_out],
            place[task.labels[is_out]],
            task.blocks,
        )
        texts = Texts(encoder, part.names, kind, seed)
        first = len(learned) if len(out) > 1 else 0
        known = torch.arange(len(part.names)) < part.n_base
        scales = {}

        def look(now, part=part, texts=texts, first=first, known=known, scales=scales):
            wide = now @ texts.wide
            centred = normalize((part.asked - part.rows.mean(0)) * wide.any(0), dim=-1)
            read = texts.read(now, known) @ texts.wide
            support = Support.of_rows(
                part.rows, part.labels, read, logit_scale=texts.logit_scale, blocks=part.blocks
            )
            adapter = classify(part.asked.double(), predict_adapter(generator, support))
            target, found = part.asked_labels - first, {}
            said = {"names": centred @ _centred_unit(wide).T, "adapter": adapter}
            for way, cosines in said.items():
                scale = scales.setdefault(way, _best_scale(cosines[:, first:], target))
                scale = scale if way == "names" else 1.0
                found[way] = cross_entropy(scale * cosines[:, first:], target, reduction="none")
            return found

        with torch.no_grad():
            path = {0: look(texts.start)}
        path |= run(part, texts, generator, "new", *setting, seed, look)
        for step in CHECKED:
            for way, each in path[step].items():
                losses[step, way].append(each.double())
    told = {}
    for step in CHECKED[1:]:
        for way in ("names", "adapter"):
            gains = torch.cat(losses[0, way]) - torch.cat(losses[step, way])
            error = float(gains.std()) / len(gains) ** 0.5
            told[f"{way} {step}"] = [float(gains.mean()), error]
    return told


def run(task, texts, generator, use, loss_name, lr, closeness, seed, look):
    """Steps → what is seen along one path."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(texts.parameters, lr=lr, weight_decay=0.05)
    n_base, hand_written = task.n_base, texts.start[: task.n_base]
    to_texts = texts.wide.T
    centred = (task.rows - task.rows.mean(0)) * to_texts.any(1)
    pictures = normalize(centred, dim=-1) @ to_texts
    scale = _best_scale(pictures @ _centred_unit(hand_written).T, task.labels)
    found, losses = {}, []
    for step in range(max(CHECKED) + 1):
        if step in CHECKED[1:]:
            with torch.no_grad():
                found[step] = look(texts.now(len(task.names)))
        if step == max(CHECKED):
            break
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, (step + 1) / WARM_UP)
        now = texts.now(n_base)
        if loss_name == "prompt":
            loss = cross_entropy(scale * pictures @ _centred_unit(now).T, task.labels)
        else:
            loss = episode(task, texts, now, generator, rng, use)
        losses.append(loss.item())
        loss = loss + closeness * (now - hand_written).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        if all(each.grad.isfinite().all() for each in texts.parameters):
            optimizer.step()
        else:
            losses[-1] = -1.0
    found["losses"] = [mean(losses[:5]), mean(losses[-5:])]
    found["unusable"] = losses.count(-1.0)
    return found


def show(lines):
    """Means over sets of means over draws, less no steps; 95 % of the paired differences."""
    groups = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for line in lines:
        group = tuple(line[key] for key in KEY[4:])
        for steps in sorted(key for key in line if key.isdigit() and key != "0"):
            groups[line["use"], line["shots"]][(*group, steps)][line["set"]].append(line)
    for (use, shots), group in sorted(groups.items()):
        print(f"\n{use}, {shots} pictures")
        for name, sets in sorted(group.items(), key=str):
            told = []
            for column in ("score", "base", "new", "names", "log_loss"):
                if column not in next(iter(sets.values()))[0]["0"]:
                    continue
                before = [[line["0"][column] for line in each] for each in sets.values()]
                gains = [
                    [line[name[-1]][column] - line["0"][column] for line in each]
                    for each in sets.values()
                ]
                error = sum(stdev(g) ** 2 / len(g) for g in gains if len(g) > 1) ** 0.5 / len(gains)
                free = max(1, sum(len(g) - 1 for g in gains))
                reach = student.ppf(0.975, free) * error
                digits = 3 if column == "log_loss" else 1
                each = (
                    " ".join(f"{mean(g):+.{digits}f}" for g in gains) if column == "score" else ""
                )
                told.append(
                    f"{column} {mean(map(mean, before)):.{digits}f} "
                    f"{mean(map(mean, gains)):+.{digits}f} ± {reach:.{digits}f} {each}"
                )
            asked = {of: [each for each in some if "left_out" in each] for of, some in sets.items()}
            asked = {of: some for of, some in asked.items() if len(some) > 1}
            for way in ("names", "adapter") if asked else ():
                kept = [[_kept(line, way, name[-1]) for line in each] for each in asked.values()]
                chosen = [
                    [
                        k * (line[name[-1]]["score"] - line["0"]["score"])
                        for k, line in zip(*both, strict=True)
                    ]
                    for both in zip(kept, asked.values(), strict=True)
                ]
                error = sum(stdev(g) ** 2 / len(g) for g in chosen) ** 0.5 / len(chosen)
                reach = student.ppf(0.975, sum(len(g) - 1 for g in chosen)) * error
                told.append(
                    f"if {way} bear it out {mean(map(mean, chosen)):+.1f} ± {reach:.1f}, "
                    f"in {mean(map(mean, kept)):.0%} of {sum(map(len, kept))}"
                )
            count = sum(map(len, sets.values()))
            print(*name, f"({len(sets)} sets, {count} draws)", " | ".join(told))


def _kept(line, way, step):
    gain, error = line["left_out"][f"{way} {step}"]
    return gain > error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", nargs="*", default=[], help="USE:SETTINGS:DRAWS[:choose]")
    parser.add_argument("--shots", default="4,16")
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--steps", default="10,20", help="after how many of them is asked")
    given = parser.parse_args()
    CHECKED.extend(map(int, given.steps.split(",")))
    torch.set_num_threads(1)
    generator = load_generator("default").requires_grad_(False)
    judge.generator = generator
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    there = {tuple(each[key] for key in KEY): each for each in map(parse_json, lines)}
    before = {facts[:4]: line["0"] for facts, line in there.items()}
    stores = [FeatureStore.open(folder) for folder in given.stores]
    encoders = {}
    for job in given.jobs:
        use, numbers, draws, *choose = job.split(":")
        for draw, number, (folder, store), shots in itertools.product(
            map(int, draws.split(",")),
            map(int, numbers.split(",")),
            zip(given.stores, stores, strict=True),
            map(int, given.shots.split(",")),
        ):
            kind, *setting = SETTINGS[number]
            facts = (folder.name, use, shots, draw, kind, *setting)
            if facts in there and not (choose and "left_out" not in there[facts]):
                continue
            recipe = store.header.recipe
            which = (store.encoder, recipe.zoom, recipe.block_names)
            task, is_first = draw_task(store, use, shots, draw, given.queries), False
            if which not in encoders:
                is_first = True
                encoders[which] = FrozenEncoder.load(
                    store.encoder, zoom=recipe.zoom, blocks=recipe.block_names
                )
            encoder = encoders[which]
            begun = process_time()
            texts = Texts(encoder, task.names, kind, draw)
            if is_first:
                texts.check(encoder, task.names)
            if facts[:4] not in before:
                before[facts[:4]] = judge(task, texts, texts.start, use)

            def look(now, task=task, texts=texts, use=use):
                return judge(task, texts, now, use)

            found = run(task, texts, generator, use, *setting, draw, look)
            if choose:
                found["left_out"] = left_out(task, encoder, generator, kind, setting, draw)
            line = {**dict(zip(KEY, facts, strict=True)), "0": before[facts[:4]]}
            line |= {str(key): each for key, each in found.items()}
            line["seconds"] = process_time() - begun
            there[facts] = line
            with given.out.open("a") as file:
                file.write(json_text(line).replace("\n", " ") + "\n")
    show(there.values())


if __name__ == "__main__":
    main()
