"""Measure the recall of each method in both directions after a few pairs from a domain.

    python -m benchmarks.ranking DOMAIN… [--pairs 4 16 64] [--draws 20] [--out FILE]

DOMAIN is a feature store, whose class names are its captions, or a manifest. STORE@odd has
only every second name; STORE@new ranks only names that no pair has. STORE@mixed ranks the names of
pairs together with as many others, and has a row for pictures and names of either kind.
docs/explanation/captions.md has the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.ranking.domains import Draw, draws, read_domain
from benchmarks.ranking.methods import METHODS

AT = (1, 5, 10)


def main() -> None:
    """Measure, print a table in Markdown, and write all figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("domains", nargs="+", metavar="DOMAIN")
    parser.add_argument("--pairs", nargs="+", type=int, default=[4, 16, 64])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    figures = []
    for source in options.domains:
        domain = read_domain(source)
        for n_pairs in options.pairs:
            recalls_of = defaultdict(list)
            for draw in draws(domain, n_pairs, options.draws):
                for name in options.methods:
                    scores = METHODS[name](draw, domain.looks)
                    for kind, chosen in _kinds(draw).items():
                        recalls_of[kind, name].append(recalls(scores, draw.caption_of, chosen))
            for (kind, name), values in recalls_of.items():
                base = recalls_of.get((kind, "frozen"))
                figures.append(_row(domain.name + kind, n_pairs, name, values, base))
                sys.stdout.write(_line(figures[-1]))
                sys.stdout.flush()
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def recalls(scores: np.ndarray, caption_of: np.ndarray, chosen: np.ndarray) -> list[float]:
    """Recall at 1, 5 and 10 in %: of captions for pictures, then of pictures for captions.

    Only the chosen captions and their pictures are queries; all are candidates.
    """
    correct = scores[np.arange(len(caption_of)), caption_of]
    place = (scores > correct[:, None]).sum(1)[np.isin(caption_of, chosen)]
    order = np.argsort(-scores, axis=0, kind="stable")[: max(AT)]
    with_pictures = np.intersect1d(caption_of, chosen)
    hit = (caption_of[order] == np.arange(scores.shape[1]))[:, with_pictures]
    return [
        *(100 * float((place < k).mean()) for k in AT),
        *(100 * float(hit[:k].any(0).mean()) for k in AT),
    ]


def _kinds(draw: Draw) -> dict[str, np.ndarray]:
    """The captions whose recall is one figure: all, or those of pairs apart from new ones."""
    captions = np.arange(len(draw.captions))
    if not draw.n_old:
        return {"": captions}
    return {", of pairs": captions[: draw.n_old], ", new": captions[draw.n_old :]}


def _row(domain: str, n_pairs: int, name: str, recalls: list, frozen: list | None) -> dict:
    """The means, and the gain over the frozen encoder on the same draws with its 95 % interval."""
    values, base = np.array(recalls), frozen and np.array(frozen)
    row = {"domain": domain, "pairs": n_pairs, "method": name, "n": len(values)}
    keys = [f"{way} at {k}" for way in ("captions", "pictures") for k in AT]
    row |= dict(zip(keys, values.mean(0).tolist(), strict=True))
    if base is not None:
        gain = (values - base)[:, [0, len(AT)]].mean(1)
        error = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else float("nan")
        row |= {"gain at 1": float(gain.mean()), "gain at 1, ±": float(error)}
    return row


def _line(row: dict) -> str:
    cells = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()]
    return f"| {' | '.join(cells)} |\n"


main()
