# ruff: noqa
# mypy: ignore-errors
"""Adapters inside `tiny` that are predicted from a support: scales of channels, or bottlenecks.

    python -m tools.trials.predicted_scales cache PICTURES CACHE [SET …]
    PENALTY=3 TAG=scales_penalty python -m tools.trials.predicted_scales train CACHE scales 400
    PENALTY=3 TAG=fixed_penalty python -m tools.trials.predicted_scales train CACHE fixed 300
    python -m tools.trials.predicted_scales train CACHE bottlenecks 300
    TASKS=30 LOOKS=2 python -m tools.trials.predicted_scales table CACHE test|validation TAG …

TAG is the name of a trained part: scales, class_scales, bottlenecks or fixed by default, with
@N after N steps. PENALTY weighs the mean squared distance of the scales from 1. The scales follow CaSE (Patacchiola et al.,
NeurIPS 2022): at each place inside the blocks of the last two stages, and before the last pooling,
a small network reads the mean and the deviation over the support of the pooled activations, and
predicts a factor for each channel. The shipped generator predicts the adapter of classes from the
scaled features; the loss of the queries trains the small networks alone.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.reader import read_images
from metaadapter.features.blocks import _statistics, join_blocks
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.views import look_at
from metaadapter.generator.pretrained import shared_generator
from tools.training_stores import degrade

torch.set_num_threads(1)
TRAINING = {  # name: (support, queries, weight); a pair of names is a task across domains
    "things": ("caltech101-train", "caltech101-train", 3),
    "photographs": ("tiny-imagenet-train", "tiny-imagenet-train", 2),
    "rubbish": ("trashnet6.large", "trashnet6.large", 1),
    "photos": ("pacs-photo.large", "pacs-photo.large", 0.5),
    "cartoons": ("pacs-cartoon.large", "pacs-cartoon.large", 1),
    "photo-cartoon": ("pacs-photo.large", "pacs-cartoon.large", 0.5),
    "cartoon-photo": ("pacs-cartoon.large", "pacs-photo.large", 0.5),
    "google-twitter": ("emoji-google", "emoji-twitter", 1),
    "twitter-google": ("emoji-twitter", "emoji-google", 0.5),
    "characters": ("omniglot56", "omniglot56", 1),
    "edges": ("caltech101-train.edges", "caltech101-train.edges", 0.5),
    "photo-edges": ("caltech101-train", "caltech101-train.edges", 0.5),
    "photo-grey": ("caltech101-train", "caltech101-train.gray40", 0.5),
    "grey": ("caltech101-train.gray40", "caltech101-train.gray40", 0.5),
}
VALIDATION = ("caltech101-val", "tiny-imagenet-val", "cifar10", "clothing10.large")
TEST = ("test-flowers17", "test-grocery", "test-dtd10")
MOST = {"tiny-imagenet-train": 40, "tiny-imagenet-val": 40, "cifar10": 60, "omniglot56": 20}
REDUCTION, BOTTLENECK = 32, 16
PENALTY = float(os.environ.get("PENALTY", 0))


# ---------------------------------------------------------------- cached inputs of the last stages


@torch.inference_mode()
def cache(pictures, out, names):
    tiny = FrozenEncoder.load("tiny", device="cpu")
    out.mkdir(exist_ok=True)
    trunk = tiny.network.visual.trunk
    for name in names:
        if (out / f"{name}.pt").exists():
            continue
        of_set, _, degradation = name.partition(".")
        folder = pictures / name
        if degradation not in ("", "large"):
            folder = pictures / of_set
        else:
            degradation = ""
        zoom = name in VALIDATION + TEST
        rows = sorted(read_images(folder).rows, key=lambda row: (row.label, row.path.name))
        kept, counts = [], {}
        for row in rows:
            counts[row.label] = counts.get(row.label, 0) + 1
            if counts[row.label] <= MOST.get(name, 1000):
                kept.append(row)
        low, maps, labels = [], [], []
        for start in range(0, len(kept), 16):
            pixels = []
            for row in kept[start : start + 16]:
                from PIL import Image

                picture = Image.open(row.path).convert("RGB")
                picture = degrade(picture, degradation) if degradation else picture
                pixels.append(look_at(picture, tiny.preprocess, zoom))
                labels.append(row.label)
            pixels = torch.cat(pixels).to(memory_format=torch.channels_last)
            stages, x = [], trunk.bn1(trunk.conv_stem(pixels))
            for number in range(5):
                x = trunk.blocks[number](x)
                if number in (1, 2, 4):
                    stages.append(x)
            first = trunk.blocks[5][0]
            x = first.bn2(first.conv_dw(first.bn1(first.conv_pw(x))))
            n_looks = 2 if zoom else 1
            low.append(_statistics(stages).view(-1, n_looks, 352))
            maps.append(x.half().contiguous().view(-1, n_looks, 672, 7, 7))
        classes = sorted(set(labels))
        numbers = torch.tensor([classes.index(label) for label in labels])
        made = {"low": torch.cat(low), "maps": torch.cat(maps), "labels": numbers}
        torch.save({**made, "classes": classes}, out / f"{name}.pt.part")
        (out / f"{name}.pt.part").rename(out / f"{name}.pt")
        print(name, len(labels), len(classes), flush=True)


# ------------------------------------------------------------------------ the end of the tower


class Tower:
    """The last two stages of `tiny` and its blocks of features, with parts at six places."""

    widths = (672, 1152, 1152, 1152, 1152, 1280)
    outputs = (192, 192, 192, 192, 320)

    def __init__(self):
        self.encoders = {1: FrozenEncoder.load("tiny", device="cpu", zoom=False)}
        self.encoders[2] = FrozenEncoder.load("tiny", device="cpu")
        self.visual = self.encoders[1].network.visual
        self.whitening = self.encoders[1]._whitening["stages"]
        self.lengths = self.encoders[1]._lengths

    def __call__(self, low, maps, part=None, n_context=0):
        """Rows of pictures (n, looks, …) → (n, D). `part(place, activations)` changes them."""
        n, n_looks = maps.shape[:2]
        trunk, low = self.visual.trunk, low.flatten(0, 1)
        x = maps.flatten(0, 1).float().contiguous(memory_format=torch.channels_last)
        part = part or (lambda place, x, kind: x)
        blocks = [*trunk.blocks[5], trunk.blocks[6][0]]
        for place, block in enumerate(blocks):
            before = x
            if place:
                x = block.bn2(block.conv_dw(block.bn1(block.conv_pw(x))))
            x = part(place, x, "wide")
            x = block.bn3(block.conv_pwl(x))
            if block.has_skip:
                x = x + before
            x = part(place, x, "narrow")
        stages = torch.cat([low, _statistics([x])], 1)
        x = part(5, trunk.bn2(trunk.conv_head(x)), "wide")
        joint = self.visual.head(trunk.forward_head(x))
        rows = join_blocks({"joint": joint, "stages": self.whitening(stages)}, self.lengths)
        rows = rows.view(n, n_looks, -1)
        if n_looks == 1:
            return rows[:, 0]
        weights = rows.new_tensor([1, 0.7])
        return (rows * (weights / weights.norm())[:, None]).flatten(1)


class Parts(nn.Module):
    """Predicts scales or gates of bottlenecks at each place from the support's activations."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        wide = kind != "bottlenecks"
        widths = Tower.widths if wide else Tower.outputs
        self.wide = "wide" if wide else "narrow"
        self.centres = nn.ParameterList([nn.Parameter(torch.zeros(w), False) for w in widths])
        self.spreads = nn.ParameterList([nn.Parameter(torch.ones(w), False) for w in widths])
        outs = widths if wide else [BOTTLENECK] * len(widths)
        if kind == "fixed":
            self.log_scales = nn.ParameterList([nn.Parameter(torch.zeros(w)) for w in widths])
            return
        n_statistics = 3 if kind == "class_scales" else 2
        self.networks = nn.ModuleList()
        for width, out in zip(widths, outs, strict=True):
            hidden = max(16, width // REDUCTION)
            last = nn.Linear(hidden, out)
            nn.init.zeros_(last.weight), nn.init.zeros_(last.bias)
            self.networks.append(
                nn.Sequential(nn.Linear(n_statistics * width, hidden), nn.SiLU(), last)
            )
        if not wide:
            self.down = nn.ModuleList([nn.Conv2d(w, BOTTLENECK, 1) for w in widths])
            self.up = nn.ModuleList([nn.Conv2d(BOTTLENECK, w, 1) for w in widths])
            for up in self.up:
                nn.init.zeros_(up.weight), nn.init.zeros_(up.bias)

    def context(self, place, pooled, labels):
        unit = (pooled - self.centres[place]) / self.spreads[place]
        mean, deviation = unit.mean(0), unit.std(0, unbiased=False)
        if self.kind != "class_scales":
            return torch.cat([mean, deviation])
        hot = torch.nn.functional.one_hot(labels).float()
        means = (hot.T @ unit) / hot.sum(0)[:, None]
        within = ((unit - means[labels]) ** 2).mean(0).clamp_min(1e-8).sqrt()
        return torch.cat([mean, means.std(0, unbiased=False), within])

    def predict(self, place, pooled, labels):
        if self.kind == "fixed":
            return 2 * self.log_scales[place].sigmoid()
        return 2 * self.networks[place](self.context(place, pooled, labels)).sigmoid()

    def part(self, labels, n_looks=1, given=None, kept=None):
        """The change of activations; its scales are predicted from the first rows, or given."""

        def change(place, x, kind):
            if kind != self.wide or place >= len(self.centres):
                return x
            if given is not None:
                values = given[place]
            else:
                whole = x[: len(labels) * n_looks : n_looks]
                values = self.predict(place, whole.mean((2, 3)), labels)
            if kept is not None:
                kept.append(values)
            if self.kind == "bottlenecks":
                inner = gelu(self.down[place](x)) * values[:, None, None]
                return x + self.up[place](inner)
            return x * values[:, None, None]

        return change

    @torch.no_grad()
    def measure(self, tower, sets, rng):
        low, maps = [], []
        for one in sets.values():
            chosen = torch.from_numpy(rng.choice(len(one["labels"]), 150))
            low.append(one["low"][chosen]), maps.append(one["maps"][chosen])

        def keep(place, x, kind):
            if kind == self.wide and place < len(self.centres):
                pooled = x.mean((2, 3))
                self.centres[place].data = pooled.mean(0)
                self.spreads[place].data = pooled.std(0).clamp_min(1e-3)
            return x

        tower(torch.cat(low), torch.cat(maps), keep)


# ----------------------------------------------------------------------------------------- tasks


class Tasks:
    def __init__(self, folder, tower):
        self.folder, self.tower, self.sets = folder, tower, {}

    def load(self, name):
        if name not in self.sets:
            one = torch.load(self.folder / f"{name}.pt")
            n_looks = one["maps"].shape[1]
            names = [readable_name(label) for label in one["classes"]]
            encoder = self.tower.encoders[n_looks]
            one["texts"] = torch.from_numpy(encoder.encode_texts(names))
            self.sets[name] = one
        return self.sets[name]

    def draw(self, first, second, rng, n_way, n_shot, n_query):
        a, b = self.load(first), self.load(second)
        common = sorted(set(a["classes"]) & set(b["classes"]))
        n_way = min(n_way, len(common))
        chosen = rng.choice(len(common), n_way, replace=False)
        support, queries, y, z = [], [], [], []
        for number, index in enumerate(chosen):
            here = np.flatnonzero(a["labels"].numpy() == a["classes"].index(common[index]))
            there = np.flatnonzero(b["labels"].numpy() == b["classes"].index(common[index]))
            here, there = rng.permutation(here), rng.permutation(there)
            if first == second:
                k = max(1, min(n_shot, len(here) - 1))
                here, there = here[:k], here[k : k + n_query]
            else:
                here, there = here[:n_shot], there[:n_query]
            support += [*here]
            queries += [*there]
            y += [number] * len(here)
            z += [number] * len(there)
        texts = torch.stack([a["texts"][a["classes"].index(common[i])] for i in chosen])
        low = torch.cat([a["low"][support], b["low"][queries]])
        maps = torch.cat([a["maps"][support], b["maps"][queries]])
        return low, maps, torch.tensor(y), torch.tensor(z), texts


def logits_of(rows, y, texts, tower, generator, n_looks):
    encoder = tower.encoders[n_looks]
    support = Support.of_rows(
        rows[: len(y)], y, texts, logit_scale=encoder.logit_scale, blocks=_blocks(encoder)
    )
    return classify(rows[len(y) :][None], generator(support, with_known=False))[0]


def _blocks(encoder):
    return tuple(encoder.look_blocks.values()) * (2 if encoder.zoom else 1)


def train(folder, kind, n_steps, only=None, tag=None):
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    tower, (generator, _) = Tower(), shared_generator("default")
    for parameter in generator.parameters():
        parameter.requires_grad_(False)
    tasks, parts = Tasks(folder, tower), Parts(kind)
    sources = (
        {k: v for k, v in TRAINING.items()}
        if not only
        else {name: (name, name, 1) for name in only}
    )
    for first, second, _ in sources.values():
        tasks.load(first), tasks.load(second)
    if only:  # sets with two looks: the whole alone
        for one in tasks.sets.values():
            one["maps"], one["low"] = one["maps"][:, :1], one["low"][:, :1]
            names = [readable_name(label) for label in one["classes"]]
            one["texts"] = torch.from_numpy(tower.encoders[1].encode_texts(names))
    parts.measure(tower, tasks.sets, rng)
    weights = np.array([weight for *_, weight in sources.values()])
    trained = [p for p in parts.parameters() if p.requires_grad]
    print(kind, sum(p.numel() for p in trained), "numbers", flush=True)
    rate = 1e-2 if kind == "fixed" else 1e-3
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=n_steps, pct_start=0.1
    )
    started, losses, before = time.time(), [], []
    for step in range(n_steps):
        optimizer.zero_grad()
        for _ in range(2):
            first, second, _ = list(sources.values())[
                rng.choice(len(weights), p=weights / weights.sum())
            ]
            n_way = int(np.exp(rng.uniform(np.log(5), np.log(21))))
            n_shot = int(np.exp(rng.uniform(0, np.log(min(17, 50 / n_way + 1)))))
            n_query = max(1, 40 // n_way)
            low, maps, y, z, texts = tasks.draw(first, second, rng, n_way, n_shot, n_query)
            if rng.random() < 0.15:
                texts = torch.zeros_like(texts)
            kept = []
            rows = tower(low, maps, parts.part(y, kept=kept))
            logits = logits_of(rows, y, texts, tower, generator, 1)
            loss = cross_entropy(logits, z) / np.log(len(texts))
            far = sum(((value - 1) ** 2).mean() for value in kept) / len(kept)
            ((loss + PENALTY * far) / 2).backward()
            losses.append(float(loss.detach()))
            if step % 10 == 0:
                with torch.no_grad():
                    frozen = logits_of(tower(low, maps), y, texts, tower, generator, 1)
                    before.append(float(cross_entropy(frozen, z) / np.log(len(texts)) - loss))
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        if norm.isfinite():
            optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(
                f"{step + 1} loss {np.mean(losses[-200:]):.4f} gain {np.mean(before[-60:]):.4f} "
                f"norm {norm:.3f} {time.time() - started:.0f} s",
                flush=True,
            )
            torch.save(parts.state_dict(), folder / f"{tag or kind}.parts")
            if step + 1 in (100, 200, 400, 800):
                torch.save(parts.state_dict(), folder / f"{tag or kind}@{step + 1}.parts")


@torch.no_grad()
def table(folder, sets, kinds, n_tasks, n_looks, shots=(1, 2, 4, 16)):
    tower, (generator, _) = Tower(), shared_generator("default")
    tasks, parts = Tasks(folder, tower), {}
    for kind in kinds:
        parts[kind] = Parts(kind.partition("@")[0].removesuffix("_penalty"))
        parts[kind].load_state_dict(torch.load(folder / f"{kind}.parts"))
    for name in sets:
        one = tasks.load(name)
        if n_looks == 1:
            one["maps"], one["low"] = one["maps"][:, :1], one["low"][:, :1]
            names = [readable_name(label) for label in one["classes"]]
            one["texts"] = torch.from_numpy(tower.encoders[1].encode_texts(names))
    for name in sets:
        right = {}
        for n_shot in shots:
            rng = np.random.default_rng(n_shot)
            for number in range(n_tasks):
                low, maps, y, z, texts = tasks.draw(name, name, rng, 10, n_shot, 10)
                # Other tasks: of the same set, and of another set.
                elsewhere = sets[(sets.index(name) + 1 + number % (len(sets) - 1)) % len(sets)]
                others = {
                    "same set": tasks.draw(name, name, rng, 10, n_shot, 1),
                    "other set": tasks.draw(elsewhere, elsewhere, rng, 10, n_shot, 1),
                }

                def note(way, rows):
                    logits = logits_of(rows, y, texts, tower, generator, n_looks)
                    value = (
                        float((logits.argmax(-1) == z).float().mean()),
                        float(cross_entropy(logits, z)),
                    )
                    right.setdefault(way, {}).setdefault(n_shot, []).append(value)

                note("frozen", tower(low, maps))
                for kind, part in parts.items():
                    note(kind, tower(low, maps, part.part(y, n_looks)))
                    if kind.startswith("fixed") or os.environ.get("CONTROLS") == "no":
                        continue
                    for other, (low2, maps2, y2, *_) in others.items():
                        kept = []
                        tower(low2[: len(y2)], maps2[: len(y2)], part.part(y2, n_looks, kept=kept))
                        note(
                            f"{kind}, {other}", tower(low, maps, part.part(y, n_looks, given=kept))
                        )
        for way, by_shot in right.items():
            cells = []
            for n_shot, values in by_shot.items():
                values, base = np.array(values), np.array(right["frozen"][n_shot])
                gain = values - base if way != "frozen" else values
                error = 1.96 * gain[:, 0].std(ddof=1) / len(gain) ** 0.5 * 100
                cells.append(
                    f"{gain[:, 0].mean() * 100:+6.2f}±{error:.1f} ({gain[:, 1].mean():+.3f})"
                )
            print(f"{name:20} {way:26}", *cells, flush=True)


@torch.no_grad()
def check(pictures):
    """The cached end of the tower gives the encoder's own rows."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        cache(pictures, Path(folder), ["test-dtd10"])
        tower = Tower()
        one = torch.load(Path(folder) / "test-dtd10.pt")
        rows = tower(one["low"][:8], one["maps"][:8])
    tiny = tower.encoders[2]
    from PIL import Image

    kept = sorted(read_images(pictures / "test-dtd10").rows, key=lambda r: (r.label, r.path.name))[
        :8
    ]
    looks = torch.stack([tiny.look(Image.open(r.path).convert("RGB")) for r in kept])
    own = tiny.encode_looks(looks)
    print((rows * torch.from_numpy(np.asarray(own))).sum(1))


if __name__ == "__main__":
    command, where = sys.argv[1], Path(sys.argv[2])
    if command == "cache":
        every = {name for first, second, _ in TRAINING.values() for name in (first, second)}
        names = sys.argv[4:] or [*sorted(every), *VALIDATION, *TEST]
        cache(where, Path(sys.argv[3]), names)
    elif command == "check":
        check(where)
    elif command == "train":
        only = sys.argv[5:]
        tag = f"{sys.argv[3]}@{only[0]}" if only else os.environ.get("TAG")
        train(where, sys.argv[3], int(sys.argv[4]), only, tag)
    else:
        sets = {"test": TEST, "validation": VALIDATION}[sys.argv[3]]
        table(
            where,
            sets,
            sys.argv[4:],
            int(os.environ.get("TASKS", 30)),
            int(os.environ.get("LOOKS", 2)),
            (1, 4),
        )
