"""Measure methods on CoOp's eleven data sets, by its protocol.

    python examples/coop/run.py DATA --out coop

DATA holds the sets in CoOp's layout (DATASETS.md of github.com/KaiyangZhou/CoOp); sets that are not
there are named and left out. A picture is encoded in one look, as in published tables. Options that
this script does not have are those of `metaadapter evaluate`, as --methods zero-shot,GDA.

With --2sfs the labelled pictures are those that 2SFS publishes (M. Farina et al., 2025): seeds 1 to
3, in DATA/SET/split_fewshot. Its names are put into "a photo of a {}." in all sets. Classes are
matched by name, so ImageNet has 998: CLIP's names have missile and sunglasses twice.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.cli.app import main as metaadapter
from metaadapter.data.reader import read_images
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.store.encode_to_store import encode_to_store

CONFIGS = Path(__file__).parents[2] / "configs" / "eval"
SHOTS, SEEDS = (1, 2, 4, 8, 16), (1, 2, 3)
TEMPLATE_OF_2SFS = "a photo of a {}."


class CoopSet(NamedTuple):
    """A data set: its name, the file that lists its pictures, and the template of its names."""

    name: str
    file: Path
    template: str

    def split_of_2sfs(self, shots: int, seed: int) -> Path:
        """Return the file of labelled pictures that 2SFS publishes."""
        return self.file.parent / "split_fewshot" / f"shot_{shots}-seed_{seed}_train.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Encode the sets, measure methods and write a report; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of stores and tables")
    parser.add_argument("--encoder", default="ViT-B-16/openai")
    parser.add_argument("--2sfs", dest="published", action="store_true", help="use its draws")
    options, more = parser.parse_known_args(arguments)
    sets = sets_in(options.data)
    if not sets:
        parser.error(f"{options.data} holds none of CoOp's data sets")
    if options.published:
        return evaluate_on_2sfs(sets, options.out, options.encoder, more)
    stores = []
    for one in sets:
        stores.append(options.out / "stores" / one.name)
        encode(one.file, stores[-1], options.encoder, one.template, split="all")
    return evaluate(stores, options.out / "run", more)


def sets_in(data: Path) -> list[CoopSet]:
    """Return the sets whose file is in the folder, in CoOp's order, and name the others."""
    facts = tomllib.loads((CONFIGS / "coop_sets.toml").read_text(encoding="utf-8"))
    sets = [
        CoopSet(name, data / one["folder"] / one["list"], one["template"])
        for name, one in facts.items()
    ]
    for one in sets:
        if not one.file.exists():
            print(f"left out: {one.name}, because there is no {one.file}", file=sys.stderr)
    return [one for one in sets if one.file.exists()]


def evaluate_on_2sfs(sets: Sequence[CoopSet], out: Path, encoder: str, more: Sequence[str]) -> int:
    """Measure on the draws of 2SFS, in a folder for each number of shots; return the exit code."""
    for shots in SHOTS:
        pairs = []
        for one in sets:
            files = {seed: one.split_of_2sfs(shots, seed) for seed in SEEDS}
            present = {seed: file for seed, file in files.items() if file.exists()}
            if not present:
                print(f"left out: {one.name}, because there is no {files[1]}", file=sys.stderr)
                continue
            queries = out / "test" / one.name
            encode(one.file, queries, encoder, TEMPLATE_OF_2SFS, split="test")
            for seed, file in present.items():
                support = out / f"shot_{shots}" / f"{one.name}-seed_{seed}"
                encode(file, support, encoder, TEMPLATE_OF_2SFS, split="all")
                pairs.append(f"{support}@{queries}")
        if pairs:
            own = ("--shots", str(shots), "--seeds", "1", *more)
            if code := evaluate(pairs, out / f"run-{shots}-shot", own):
                return code
    return 0


def encode(file: Path, store: Path, encoder: str, template: str, split: str) -> None:
    """Encode the pictures of a list; a picture that the store has is not encoded again."""
    print(f"{file} → {store}", file=sys.stderr)
    table = as_manifest(file, store.parent.with_name(f"{store.name}.csv"))
    loaded = load_encoder(encoder, zoom=False, templates=(template,))
    encode_to_store(read_images(table, split=split), loaded, store)


def as_manifest(file: Path, table: Path) -> Path:
    """Write a table of the pictures of a list, which `encode` reads."""
    rows = {"classnames.txt": imagenet, "variants.txt": aircraft}.get(file.name, split_of_zhou)
    if file.parent.name == "split_fewshot":
        rows = draw_of_2sfs
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([("path", "label", "split"), *rows(file)])
    return table


def split_of_zhou(file: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the pictures of lists of [path, label index, class name], one for each split.

    The pictures are in a folder next to the file (`images`, `jpg`, …).
    """
    lists = json.loads(file.read_text(encoding="utf-8"))
    folders = [file.parent, *sorted(path for path in file.parent.iterdir() if path.is_dir())]
    root = next(one for one in folders if (one / lists["train"][0][0]).exists()).absolute()
    for split, entries in lists.items():
        yield from ((root / path, name, split) for path, _, name in entries)


def imagenet(file: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the pictures of `images/train` and `images/val`; as in CoOp, val is the test.

    A line of the file has the folder of a class and its name, "n01440764 tench", and is the label,
    because two classes may have the same name.
    """
    for line in file.read_text(encoding="utf-8").splitlines():
        for folder, split in (("train", "train"), ("val", "test")):
            inner = file.absolute().parent / "images" / folder / line.split()[0]
            yield from ((path, line.strip(), split) for path in sorted(inner.iterdir()))


def aircraft(file: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the pictures of `images_variant_train.txt`, … with lines such as "1025794 707-320"."""
    for split in ("train", "val", "test"):
        listed = file.with_name(f"images_variant_{split}.txt").read_text(encoding="utf-8")
        for line in listed.splitlines():
            picture, _, variant = line.partition(" ")
            yield file.absolute().parent / "images" / f"{picture}.jpg", variant, split


def draw_of_2sfs(file: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the labelled pictures of a draw; their paths are relative to the folder of all sets."""
    for line in file.read_text(encoding="utf-8").splitlines():
        facts = json.loads(line)
        yield file.absolute().parents[2] / facts["_impath"], facts["_classname"], "train"


def evaluate(stores: Sequence[str | Path], run: Path, more: Sequence[str]) -> int:
    """Measure methods on stores by CoOp's settings, write a report, and return the exit code."""
    settings = ("--config", str(CONFIGS / "coop.toml"), "--out", str(run))
    code = metaadapter(["evaluate", *map(str, stores), *settings, *more])
    return code or metaadapter(["report", str(run)])


if __name__ == "__main__":
    sys.exit(main())
