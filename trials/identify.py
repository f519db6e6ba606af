"""Twenty stored tasks of twelve sets and their splits: which one are pictures of, and how good is it to be sent there?

    python trials/identify.py STORES [GENERATOR]

STORES holds the feature stores named below. Supports are drawn by the seeds 0 and 1.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from metaadapter.adapter import Support, probabilities
from metaadapter.continual.questions import merged
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.evaluation.evaluation_set import same_name
from metaadapter.evaluation.store_sets import set_of_store
from metaadapter.generator import shared_generator
from metaadapter.library.identify import TaskMeans

SPLITS = {
    "caltech101-val": 3,
    "tiny-imagenet-val": 4,
    "cifar10": 2,
    "clothing10.large": 2,
    "camtrap-us": 1,
    "omniglot56": 2,
    "pacs-photo.large": 1,
    "pacs-cartoon.large": 1,
    "trashnet6.large": 1,
    "test-flowers17": 1,
    "test-grocery": 1,
    "test-dtd10": 1,
}
torch.set_num_threads(1)
stores = Path(sys.argv[1])
generator, _ = shared_generator(sys.argv[2] if len(sys.argv) > 2 else "default")
sets = {name: set_of_store(stores / name) for name in SPLITS}


supports = []


def tasks(n_shot, seed, splits):
    supports.clear()
    rng = np.random.default_rng(seed)
    for name, n_parts in splits.items():
        data = sets[name]
        usable = rng.permutation(np.flatnonzero(data.index.counts_C.numpy() > n_shot))
        for part in range(n_parts):
            classes = usable[part::n_parts][:20]
            support, query, way = [], [], []
            for place, number in enumerate(classes):
                rows = rng.permutation(np.flatnonzero(data.labels_n == number))
                support.append(rows[:n_shot])
                rest = rows[n_shot:][: max(1, 60 // len(classes))]
                query += list(rest)
                way += [place] * len(rest)
            shots = data.look_up(torch.from_numpy(np.stack(support)))
            text = data.text_CD[torch.from_numpy(classes)]
            own = Support.of_tasks(
                shots[None], text[None], logit_scale=data.logit_scale, blocks=data.blocks
            )
            supports.append(own)
            labels = [same_name(data.classes[number]) for number in classes]
            yield (
                name,
                labels,
                predict_adapter(generator, own),
                shots.mean(1),
                data.look_up(torch.tensor(query)),
                torch.tensor(way),
                text,
            )


def figures(n_shot, seed, splits):
    names, labels, adapters, means, rows, ways, texts = zip(*tasks(n_shot, seed, splits), strict=True)
    counts = [torch.full((len(own),), n_shot) for own in means]
    router = TaskMeans.of(means, text_END=texts, counts_EN=counts)
    rng = np.random.default_rng(seed)
    answers = {"oracle": [], "routed, k = 1": [], "routed, k = 2": [], "mean of all": []}
    # Arrow (Ostapenko et al., ICML 2024): an adapter's key is the direction that it amplifies most.
    keys = torch.stack([torch.linalg.svd(each.classes.double())[2][0] for each in adapters])
    growing = None
    if sum(map(len, means)) * n_shot <= 2000:
        growing = predict_adapter(generator, merged(supports))
        answers["one adapter of all"] = []
    answers["Arrow-like keys"], by_key = [], []
    nearest, one, five, one_set, known_five = [], [], [], [], []
    union = torch.nn.functional.normalize(torch.cat(means), dim=-1)
    every = sorted({label for own in labels for label in own})
    # Classes of the same name are one class of the union.
    column = torch.tensor([every.index(label) for own in labels for label in own])
    first = np.cumsum([0, *map(len, means)])
    for task, (own, way) in enumerate(zip(rows, ways, strict=True)):
        gold = column[way + first[task]]
        p = router.of_each(own).double()
        best = p.argmax(-1)
        one += (best == task).tolist()
        one_set += [names[number] == names[task] for number in best.tolist()]
        for _ in range(40):
            five.append(int(router.of_all(own[rng.permutation(len(own))[:5]]).argmax()) == task)
        each = [probabilities(own, adapter) for adapter in adapters]
        answers["oracle"] += (each[task].argmax(-1) == way).tolist()
        for k, name in ((1, "routed, k = 1"), (2, "routed, k = 2"), (len(each), "mean of all")):
            shares, entries = p.topk(k, -1) if k < len(each) else (torch.ones_like(p), None)
            weights = shares if entries is None else torch.zeros_like(p).scatter(1, entries, shares)
            mixed = torch.cat([w[:, None] * e for w, e in zip(weights.T, each, strict=True)], 1)
            joint = mixed.new_zeros(len(mixed), len(every)).index_add(1, column, mixed)
            answers[name] += (joint.argmax(-1) == gold).tolist()
        key = (own.double() @ keys.T).abs().argmax(-1)
        by_key += (key == task).tolist()
        sent = torch.cat([(key == e)[:, None] * each[e] for e in range(len(each))], 1)
        joint = sent.new_zeros(len(sent), len(every)).index_add(1, column, sent)
        answers["Arrow-like keys"] += (joint.argmax(-1) == gold).tolist()
        if growing is not None:
            all_at_once = probabilities(own, growing)
            joint = sent.new_zeros(len(sent), len(every)).index_add(1, column, all_at_once)
            answers["one adapter of all"] += (joint.argmax(-1) == gold).tolist()
        nearest += (column[(own @ union.T).argmax(-1)] == gold).tolist()
    told = {
        "one, by Arrow-like keys": by_key,
        "one": one,
        "one, its set": one_set,
        "five": five,
        **answers,
        "class prototypes": nearest,
    }
    return {name: 100 * np.mean(values) for name, values in told.items()}, len(names)


for title, splits in (
    ("twenty tasks", SPLITS),
    ("one task a set", dict.fromkeys(SPLITS, 1)),
):
    for n_shot in (1, 4, 16):
        found = [figures(n_shot, seed, splits) for seed in (0, 1)]
        print(title, found[0][1], "shots", n_shot)
        for name in found[0][0]:
            print(f"    {name:18s} {np.mean([each[name] for each, _ in found]):5.1f}")
