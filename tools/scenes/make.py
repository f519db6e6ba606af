"""Make scenes to train and evaluate grounding, ranking and questions.

    python -m tools.scenes.make CONFIG --data DATA --out FOLDER [--only SPLIT]…

CONFIG is a file like `configs/scenes/default.toml`, DATA the folder of the sources that it names.
Writes FOLDER/SPLIT.jsonl, with one scene per line, and FOLDER/SPLIT/NUMBER.jpg. A scene depends
only on the seed, its split and its number, so a larger set contains the smaller ones.
A line of SPLIT.jsonl has

- `picture`: the file, next to the list; `width`, `height`: its size in pixels
- `form`: `pasted`, `collage`, `portrait`, or `photograph` for a real one
- `objects`: each with `name`, `source`, `colour` (or null), `size`, `box` (left, top, right, bottom
  of the visible part, in fractions) and `visible` (the visible fraction)
- `phrases`: each with `text`, `object` (the number of the only object that fits) and `kind`:
  `name`, `colour`, `size`, `place` or `relation`
- `captions`, `questions`: sentences about the whole scene; each question has `question`,
  `answers`, `right`, `kind` and `phrase`
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from metaadapter.data.strict_json import json_text
from tools.scenes.collage import PHOTOGRAPHS, make_collage
from tools.scenes.portrait import make_portrait
from tools.scenes.scene import make_scene
from tools.scenes.sentences import captions, phrases, questions
from tools.scenes.sources import SPLITS, ObjectClass, Source, list_pictures, split_classes

QUALITY = 92
# The splits of twenty consecutive photographs.
TURNS = ("train",) * 14 + ("validation",) * 3 + ("test",) * 3


def main() -> None:
    """Make the scenes of a configuration."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--only", action="append", choices=SPLITS, help="make only this split")
    args = parser.parse_args()
    config = tomllib.loads(args.config.read_text(encoding="utf-8"))
    sources = [_read_source(source) for source in config["sources"]]
    classes = split_classes(sources, args.data, config["seed"])
    backgrounds = split_backgrounds(config["backgrounds"], args.data)
    for split in args.only or SPLITS:
        n_scenes = config["scenes"][split]
        make_split(
            split,
            classes[split],
            backgrounds[split],
            n_scenes,
            config["scenes"]["collages"],
            config["seed"],
            args.out,
            portraits=config["scenes"].get("portraits", 0.0),
        )


def make_split(
    split: str,
    classes: Sequence[ObjectClass],
    backgrounds: Sequence[Path],
    n_scenes: int,
    collages: float,
    seed: int,
    out: Path,
    *,
    portraits: float = 0.0,
) -> None:
    """Write `out`/`split`.jsonl and its pictures.

    `portraits` is the fraction of portraits, and `collages` that of collages among other scenes.
    """
    (out / split).mkdir(parents=True, exist_ok=True)
    # The weight of a source does not depend on the number of its classes.
    sizes = {thing.source.folder: 0 for thing in classes}
    for thing in classes:
        sizes[thing.source.folder] += 1
    weights = np.array([thing.source.weight / sizes[thing.source.folder] for thing in classes])
    weights = weights / weights.sum()
    of_photographs = [n for n, thing in enumerate(classes) if thing.source.cut in PHOTOGRAPHS]
    photographs = [classes[n] for n in of_photographs]
    photograph_weights = weights[of_photographs] / weights[of_photographs].sum()
    names = sorted({thing.name for thing in classes})
    with (out / f"{split}.jsonl").open("w", encoding="utf-8") as lines:
        console = Console(stderr=True)
        for number in track(range(n_scenes), f"{split}: {len(classes)} classes", console=console):
            draw = [seed, SPLITS.index(split), number]
            rng = np.random.default_rng(draw)
            # Separate draws, so that another fraction of a form does not change other scenes.
            form = "pasted"
            if np.random.default_rng([*draw, 2]).random() < portraits:
                form = "portrait"
                scene = make_portrait(classes, weights, backgrounds, rng)
            elif np.random.default_rng([*draw, 1]).random() < collages and photographs:
                form = "collage"
                scene = make_collage(photographs, photograph_weights, rng)
            else:
                scene = make_scene(classes, weights, backgrounds, rng)
            picture = f"{split}/{number:06d}.jpg"
            scene.picture.save(out / picture, quality=QUALITY)
            record = {
                "picture": picture,
                "form": form,
                "width": scene.picture.width,
                "height": scene.picture.height,
                "objects": [asdict(thing) for thing in scene.objects],
                "phrases": [asdict(phrase) for phrase in phrases(scene.objects)],
                "captions": captions(scene.objects, rng) if scene.objects else [],
                "questions": [
                    asdict(question) for question in questions(scene.objects, names, rng)
                ],
            }
            lines.write(json_text(record) + "\n")


def split_backgrounds(folders: Sequence[Mapping[str, Any]], data: Path) -> dict[str, list[Path]]:
    """The photographs of each split; those of a folder without `split` are divided 70:15:15."""
    backgrounds: dict[str, list[Path]] = {name: [] for name in SPLITS}
    for folder in folders:
        for number, path in enumerate(list_pictures(data / folder["folder"])):
            turn = number % len(TURNS)
            backgrounds[folder.get("split", [TURNS[turn]])[0]].append(path)
    return backgrounds


def _read_source(given: Mapping[str, Any]) -> Source:
    return Source(**{**given, "split": tuple(given.get("split", SPLITS))})


if __name__ == "__main__":
    main()
