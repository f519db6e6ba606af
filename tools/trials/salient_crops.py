# ruff: noqa
"""What stands out in frames of camera traps: variants, empties, and ordinary pictures.

    python -m tools.trials.salient_crops FRAMES BOXES [--ordinary SET ...]

FRAMES is a folder of frames by class with a class `empty`, BOXES a file of benchmarks/boxes. Frames
are of one scene if their 32 × 32 grey thumbnails correlate by 0.85 (complete linkage); no scene
gives both labelled frames and queries. All rows of a table use the same draws.
"""

import argparse
import csv
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks, labelled_groups
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.sets.store_sets import set_by_group
from metaadapter.data.crop import Box, cut_out
from metaadapter.data.reader import read_images
from metaadapter.features.encoders import salient_encoder as salient
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.store.encode_to_store import encode_to_store

torch.set_num_threads(1)
DEFAULT = load_method("default")
TINY = load_encoder("tiny", device="cpu", blocks=["joint"])
POINTER = salient.SalientEncoder(TINY)
SHOTS, DRAWS = (1, 4, 16), 60
VARIANTS = [
    ("as built", {}),
    ("side 160", {"SIDES": (160,)}),
    ("side 224", {"SIDES": (224,)}),
    ("side 320", {"SIDES": (320,)}),
    ("sides 224 and 448", {"SIDES": (224, 448)}),
    ("least 0.4", {"LEAST": 0.4}),
    ("least 0.5", {"LEAST": 0.5}),
    ("least 0.7", {"LEAST": 0.7}),
]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def scenes(files):
    thumbnails = []
    for file in files:
        grey = Image.open(file).convert("L").resize((32, 32), Image.BILINEAR)
        values = np.asarray(grey, dtype=float).ravel()
        values -= values.mean()
        thumbnails.append(values / np.linalg.norm(values))
    apart = squareform((1 - np.stack(thumbnails) @ np.stack(thumbnails).T).clip(0), checks=False)
    return fcluster(linkage(apart, "complete"), 0.15, "distance")


def whole_set(folder, files):
    """The frames as a set by scene, with the rows of whole frames."""
    out = Path(tempfile.mkdtemp())
    with (out / "frames.csv").open("w") as opened:
        table = csv.writer(opened)
        table.writerow(["path", "label", "group"])
        table.writerows([f, f.parent.name, f"scene {s}"] for f, s in zip(files, scenes(files)))
    encode_to_store(read_images(out / "frames.csv"), TINY, out / "store")
    return set_by_group(out / "store")


def rows_of(pictures):
    rows = []
    with torch.inference_mode():
        for picture in pictures:
            rows.append(TINY.encode_looks(TINY.look(picture)[None])[0])
    return np.stack(rows).astype(np.float32)


def parts_of(pictures, changes):
    before = {name: getattr(salient, name) for name in changes}
    for name, value in changes.items():
        setattr(salient, name, value)
    boxes = [POINTER.salient_part(picture) for picture in pictures]
    for name, value in before.items():
        setattr(salient, name, value)
    return boxes


def support(data, rows, numbers, present, classes):
    shots = torch.from_numpy(rows[numbers] * present[..., None])
    blocks = {"logit_scale": data.logit_scale, "blocks": data.blocks}
    return Support.of_tasks(shots[None], data.text_CD[classes][None], torch.from_numpy(present)[None], **blocks)


def interval(values):
    return f"{np.mean(values):.1f} ± {2 * np.std(values, ddof=1) / len(values) ** 0.5:.1f}"


def accuracies(data, rows):
    config = EvaluationConfig(stores=("frames",), by_group=True, fewer_shots=True, shots=SHOTS, methods=("default",))
    right = {k: [] for k in SHOTS}
    for seed in range(DRAWS):
        drawn = draw_tasks(data, config, seed)
        for k in SHOTS:
            task = drawn.first(k)
            numbers, classes = task.support_TNK[0].numpy(), task.classes_TN[0]
            fitted = DEFAULT.fit(support(data, rows, numbers, numbers >= 0, classes))
            queries = task.query_TNQ[0].numpy()
            labels = np.nonzero(queries >= 0)[0]
            asked = torch.from_numpy(rows[queries[queries >= 0]])
            best = logits_of(fitted, asked[None])[0].argmax(-1).numpy()
            right[k].append(100 * (best == labels).mean())
    return right


def empties(data, rows, n_empty, pooled=False):
    """False alarms and lost animals of 1000, with four frames of each species."""
    empty, figures = data.classes.index("empty"), []
    own = np.flatnonzero(data.labels_n == empty)
    usable = (data.labels_n >= 0) & (data.labels_n != empty)
    for seed in range(DRAWS):
        rng, counts = np.random.default_rng(seed), {}
        for picture in np.flatnonzero(usable):
            counts.setdefault(int(data.copies_n[picture]), Counter())[data.classes[data.labels_n[picture]]] = 1
        labelled = labelled_groups(counts, 4, rng)
        shots = {}
        for number in range(len(data.classes)):
            of_class = np.flatnonzero((data.labels_n == number) & np.isin(data.copies_n, labelled))
            of_class = rng.permutation(of_class)
            _, first = np.unique(data.copies_n[of_class], return_index=True)
            shots[number] = of_class[np.sort(first)][:4]
        shots[empty] = rng.permutation(own)[:n_empty]
        most = max(map(len, shots.values()))
        numbers = np.full((len(data.classes), most), -1)
        for number, pictures in shots.items():
            numbers[number, : len(pictures)] = pictures
        animals = np.flatnonzero(usable & ~np.isin(data.copies_n, labelled))
        test = np.setdiff1d(own, shots[empty])
        asked = torch.from_numpy(rows[np.concatenate([test, animals])])
        task = support(data, rows, numbers, numbers >= 0, torch.arange(len(data.classes)))
        task = task.with_pool(asked) if pooled else task
        best = logits_of(DEFAULT.fit(task), asked[None])[0].argmax(-1).numpy()
        figures.append((1000 * (best[: len(test)] != empty).mean(), 1000 * (best[len(test) :] == empty).mean()))
    alarms, lost = np.array(figures).T
    return f"alarms {interval(alarms)}, lost {interval(lost)}"


def frames(folder, boxes_file):
    images = {image["file"]: image["detections"] for image in json.loads(boxes_file.read_text())["images"]}
    files = [folder / name for name in sorted(images)]
    data = whole_set(folder, files)
    pictures = [Image.open(path).convert("RGB") for path in data.paths_n]
    names = [str(Path(path).relative_to(folder)) for path in data.paths_n]
    whole = data.joint.look_up(torch.arange(len(names))).numpy()
    drawn = [Box(*images[name][0]["bbox"]) if images[name] else None for name in names]
    boxed = rows_of([p if b is None else cut_out(p, b) for p, b in zip(pictures, drawn)])
    base = accuracies(data, whole)
    gain = {k: np.mean(accuracies(data, boxed)[k]) - np.mean(base[k]) for k in SHOTS}
    print(folder.name, "| shots", SHOTS, flush=True)

    def show(name, rows):
        got = accuracies(data, rows)
        parts = [f"{interval(got[k])} ({100 * (np.mean(got[k]) - np.mean(base[k])) / gain[k]:.0f} %)" for k in SHOTS]
        print(name, "|", " | ".join(parts), flush=True)

    show("whole", whole)
    show("boxes by eye", boxed)
    for name, changes in VARIANTS:
        cuts = parts_of(pictures, changes)
        part = rows_of([cut_out(p, b) for p, b in zip(pictures, cuts)])
        for weight in (0, 0.25, 0.5, 1) if not changes else (0.5,):
            show(f"{name}, whole {weight}", unit(part + weight * whole))
        if not changes:
            hits = [
                any(x - 0.02 < c.left + c.width / 2 < x + w + 0.02 and y - 0.02 < c.top + c.height / 2 < y + h + 0.02
                    for x, y, w, h in (d["bbox"] for d in images[name]))
                for name, c in zip(names, cuts) if images[name]
            ]
            print(f"middle of the part in a box: {100 * np.mean(hits):.0f} %", flush=True)
            for kind, rows in (("whole", whole), ("salient", unit(part + 0.5 * whole)), ("part alone", part), ("boxes", boxed)):
                for n_empty, pooled in ((4, False), (4, True), (8, False)):
                    print(f"{kind}, {n_empty} empties{' and pool' * pooled}:", empties(data, rows, n_empty, pooled), flush=True)


def ordinary(folder):
    """The change on pictures of other things, all classes, 40 pictures of each."""
    labels = sorted(path.name for path in folder.iterdir())
    files = [(file, c) for c, label in enumerate(labels) for file in sorted((folder / label).iterdir())[:40]]
    truth = np.array([c for _, c in files])
    pictures = [Image.open(file).convert("RGB") for file, _ in files]
    whole, cuts = rows_of(pictures), parts_of(pictures, {})
    part = rows_of([cut_out(p, b) for p, b in zip(pictures, cuts)])
    texts = torch.from_numpy(TINY.encode_texts([label.replace("_", " ") for label in labels]))
    result = {}
    for name, rows in (("whole", whole), ("salient", unit(part + 0.5 * whole)), ("part alone", part)):
        for k in SHOTS:
            values = []
            for seed in range(20):
                rng = np.random.default_rng(seed)
                orders = [rng.permutation(np.flatnonzero(truth == c)) for c in range(len(labels))]
                shots = torch.from_numpy(rows[np.stack([order[:k] for order in orders])])[None]
                asked = np.concatenate([order[16:] for order in orders])
                task = Support.of_tasks(shots, texts[None], logit_scale=TINY.logit_scale, blocks=TINY.blocks)
                best = logits_of(DEFAULT.fit(task), torch.from_numpy(rows[asked])[None])[0].argmax(-1)
                values.append(100 * (best.numpy() == truth[asked]).mean())
            result[name, k] = np.array(values)
        print(folder.name, name, " | ".join(interval(result[name, k] - (0 if name == "whole" else result["whole", k])) for k in SHOTS), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("frames", type=Path, nargs="?")
    parser.add_argument("boxes", type=Path, nargs="?")
    parser.add_argument("--ordinary", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    if given.frames:
        frames(given.frames, given.boxes)
    for folder in given.ordinary:
        ordinary(folder)
