"""Settings of adapters inside the image tower, side by side on sets for choices.

    python -m trials.inside_choice KIND PICTURES SHOTS DRAW --out FOLDER [--edges]

The looks are cached once for all settings of one kind. Each file holds what one setting on one draw
says of left-out pictures and of those asked: with the tower as it is, and at half and full strength.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from PIL import ImageFilter, ImageOps

from metaadapter.adapter import classify
from metaadapter.adapter.known import known_logits
from metaadapter.classifier.labelled_support import labelled_support
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.features import FrozenEncoder, readable_name
from metaadapter.features.looks import n_looks
from metaadapter.features.views import view_pixels
from metaadapter.generator import load_generator
from metaadapter.images import decode_image
from metaadapter.towers import InsideConfig
from metaadapter.tuning.adapted_tower import AdaptedTower
from metaadapter.tuning.inside_steps import BATCH, StepSettings, take_steps
from metaadapter.tuning.left_out_choice import left_out_parts
from metaadapter.tuning.left_out_heads import IN_ALL
from metaadapter.tuning.picture_looks import PictureLooks, cache_looks
from metaadapter.tuning.tuning_task import TuningTask
from tools.inside_study import _classes, _parted

SETTINGS = [
    {"lr": 1e-3, "views": 1.0},
    {"lr": 1e-3, "views": 1e-9},
    {"lr": 3e-3, "views": 1e-9},
    {"lr": 3e-3, "views": 1.0},
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("folder", type=Path)
    parser.add_argument("shots", type=int)
    parser.add_argument("draw", type=int)
    parser.add_argument("--out", type=Path, help="a folder")
    parser.add_argument("--edges", action="store_true")
    parser.add_argument("--settings", default="0,1")
    given = parser.parse_args()
    torch.set_num_threads(1)
    encoder, generator = FrozenEncoder.load("tiny"), load_generator("default")
    classes = _classes(given.folder, 20, given.draw)
    pictures, labels, asked, targets = [], [], [], []
    for name in classes:
        support, rest = _parted(given.folder, name, given.shots, given.draw)
        pictures += support
        labels += [name] * len(support)
        rest = rest[:15]
        asked += rest
        targets += [classes.index(name)] * len(rest)
    targets = torch.tensor(targets)
    texts = {name: readable_name(name) for name in classes}
    lora = given.kind == "lora"
    config = InsideConfig(
        kind=given.kind, towers=("image",), width=8 if lora else 64, alpha=16.0 if lora else None
    )
    per = n_looks(encoder.zoom)
    total = len(pictures) * 5 * per + len(asked) * per * (1 + given.edges)
    tower = AdaptedTower(encoder, config, total, given.draw)
    looks = cache_looks(pictures, encoder, tower.cache, 5, seed=given.draw, progress=lambda n: None)
    queries = {}
    kinds = {"as they are": lambda picture: picture}
    if given.edges:
        kinds["edges"] = _edges
    for kind, change in kinds.items():
        start = len(tower.cache)
        for path in asked:
            pixels = view_pixels(change(decode_image(path)), encoder.look, 1, 0)
            tower.cache.add(pixels.flatten(0, 1))
        numbers = torch.arange(start, len(tower.cache)).reshape(len(asked), 1, per)
        queries[kind] = PictureLooks(tower.cache, numbers)
    support = labelled_support(
        looks.rows().numpy(), labels, classes, texts, encoder, logit_scale=encoder.logit_scale
    )
    numbers = torch.tensor([classes.index(label) for label in labels])
    task = TuningTask(looks, support, numbers, generator)

    def predicted():
        now = labelled_support(
            looks.rows().numpy(), labels, classes, texts, encoder, logit_scale=encoder.logit_scale
        )
        return predict_adapter(generator, now)

    def said(rows, weights):
        return {
            "logits": classify(rows.double(), weights.to(dtype=torch.float64)).float().squeeze(0),
            "known": known_logits(rows.double(), weights.to(dtype=torch.float64)).float().squeeze(0),
            "quantiles": weights.known_quantiles.float().squeeze(0),
            "own_quantiles": weights.own_quantiles.float().squeeze(0),
        }

    def asked_now():
        weights = predicted()
        return {kind: said(each.rows(), weights) for kind, each in queries.items()}

    n_steps = max(1, round(6 * len(pictures) / BATCH))
    parts = left_out_parts(numbers)
    for number in map(int, given.settings.split(",")):
        setting = SETTINGS[number]
        steps = StepSettings(n_steps, setting["views"], given.draw, lr=setting["lr"])
        left_out = {0.0: [], 0.5: [], 1.0: []}
        tower.restart()
        for left in parts:
            fold = torch.full_like(numbers, IN_ALL)
            fold[left] = 0
            learned = (fold == IN_ALL).nonzero()[:, 0]

            def ask(rows, left=left, fold=fold):
                return said(rows[left], task.left_out_heads(rows, fold).weights)

            left_out[0.0].append(ask(task.rows_before))
            fewer = replace(steps, n_steps=max(1, n_steps * len(learned) // len(fold)))
            for _ in take_steps(task, learned, tower.parameters, fewer):
                pass
            for strength in (0.5, 1.0):
                with tower.scaled(strength):
                    left_out[strength].append(ask(looks.rows()))
            tower.restart()
        found = {0.0: asked_now()}
        for _ in take_steps(task, torch.arange(len(numbers)), tower.parameters, steps):
            pass
        for strength in (0.5, 1.0):
            with tower.scaled(strength):
                found[strength] = asked_now()
        torch.save(
            {
                "set": given.folder.name, "shots": given.shots, "draw": given.draw,
                "kind": given.kind, **setting, "left_out": left_out,
                "left_labels": [numbers[left] for left in parts],
                "asked": found, "targets": targets,
            },
            given.out / f"{given.kind}-{given.folder.name}-{given.shots}-{given.draw}-{number}.pt",
        )


def _edges(picture):
    edges = ImageOps.grayscale(picture.convert("RGB")).filter(ImageFilter.FIND_EDGES)
    return ImageOps.invert(edges).convert("RGB")


if __name__ == "__main__":
    main()
