"""Whether left-out scenes tell if frames need more than the joint block: STORES PICTURES.

Stores as in shift_remedy, but of camtrap-us and camtrap-california with --blocks joint,stages.
"""

from __future__ import annotations

import numpy as np
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.left_out_accuracy import leave_one_out
from tools.trials.shift_remedy import FRAMES, draw, pictures_of

torch.set_num_threads(1)
default = load_generator("default")


def unit(rows):
    return torch.nn.functional.normalize(torch.from_numpy(np.asarray(rows)).double(), dim=-1)


for direction in ("A, other scenes", "B, other scenes"):
    one = pictures_of(FRAMES[direction][0])
    look, texts = sum(one.store.blocks) // 2, one.store.class_texts()
    joint = np.r_[0 : one.store.blocks[0], look : look + one.store.blocks[0]]
    widths = {"all": one.store.blocks, "joint": (one.store.blocks[0],) * 2}
    for k in (4, 8):
        right, left_out = {"all": [], "joint": []}, {"all": [], "joint": []}
        for seed in range(100, 120):
            support, queries, y = draw(direction, one, one, np.random.default_rng(seed))
            rows = np.concatenate([rows[:k] for rows in support.values()])
            labels = np.repeat(
                np.arange(len(support)), [len(rows[:k]) for rows in support.values()]
            )
            for name, columns in (("all", slice(None)), ("joint", joint)):
                task = Support.of_rows(
                    unit(one.x[rows][:, columns]),
                    torch.from_numpy(labels),
                    unit(np.stack([texts[s] for s in support])[:, columns]),
                    logit_scale=one.store.logit_scale,
                    blocks=widths[name],
                )
                group = torch.full(task.present_TNK[0].shape, -1)
                group[task.present_TNK[0]] = torch.from_numpy(one.scene[rows]).long()
                answers = classify(unit(one.x[queries][:, columns])[None], default.predict(task))
                answers = np.array([*support])[answers[0].argmax(-1).numpy()]
                right[name].append(np.mean(answers == y[queries]))
                left = leave_one_out(task, default, group_NK=group).correct.double()
                left_out[name].append(float(left.mean()) if len(left) else 0.0)
        takes_all = np.array(left_out["all"]) > np.array(left_out["joint"])
        chosen = np.where(takes_all, right["all"], right["joint"])
        figures = {
            "all": np.mean(right["all"]),
            "joint": np.mean(right["joint"]),
            "chosen": chosen.mean(),
        }
        print(
            direction,
            k,
            {name: round(100 * value, 1) for name, value in figures.items()},
            flush=True,
        )
