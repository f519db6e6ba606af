"""The sentences of a report: its headline, and the description of strangers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.strangers import COVERAGE, KEEP, STRANGER_METRICS
from metaadapter.bench.report.evaluation_result import Part, Strangers
from metaadapter.bench.report.evaluation_run import ByShots
from metaadapter.bench.report.words import LEVEL, part_suffix, signed


def headline(part: Part, place: str, reference: str) -> str:
    """Return sentences on the reference's accuracy by shots, and on its gain over all others."""
    accuracy, gain, p = part.accuracy[place], part.gain[place], part.p_by_class[place]
    is_tested = all(gain[name].keys() == p.get(name, {}).keys() for name in gain)
    if is_tested:
        gain = part.gain_by_class[place]
    of_reference = accuracy.get(reference, {})
    if not of_reference:
        return f"No figure of {reference} could be scored."
    shots = sorted(of_reference)
    percentages = _and([f"{100 * of_reference[n].mean:.1f}" for n in shots])
    text = (
        f"With {_shots(shots, 'labelled picture')} a class, {reference} "
        f"is correct on {percentages} % of the pictures it has not seen{part_suffix(part.part)}."
    )
    gains = {
        n: {name: gain[name][n] for name in accuracy if n in gain.get(name, {})} for n in shots
    }
    gains = {n: of_methods for n, of_methods in gains.items() if of_methods}
    if not gains:
        return text
    best = {
        n: max(of_methods, key=lambda name, n=n: accuracy[name][n].mean)  # type: ignore[misc]
        for n, of_methods in gains.items()
    }
    listed = [f"{signed(gains[n][name])} ({_shots([n])}, {name})" for n, name in best.items()]
    text += f" Its gain over the best other method with the same shots is {_and(listed)} points."
    if any(math.isnan(gains[n][name].half) for n, name in best.items()):
        return f"{text} With a single draw there is no interval."

    def differs(name: str, n: int) -> bool:
        estimate = gains[n][name]
        return p[name][n] < LEVEL if is_tested else abs(estimate.mean) > estimate.half

    ahead = sum(
        all(e.mean > 0 and differs(name, n) for name, e in of_methods.items())
        for n, of_methods in gains.items()
    )
    behind = {
        name: [
            n for n in gains if name in gains[n] and gains[n][name].mean < 0 and differs(name, n)
        ]
        for name in accuracy
    }
    better = [f"{name} ({_shots(where)})" for name, where in behind.items() if where]
    counted = f"{ahead or 'none'} of {len(gains)} number{'' if len(gains) == 1 else 's'} of shots"
    tests = (
        "tests over classes at 5 %, for all methods together,"
        if is_tested
        else ("95 % intervals over draws")
    )
    return (
        f"{text} By {tests} it is ahead of all other methods at {counted}, and "
        f"behind {_and(better) if better else 'none of them'}."
    )


def _shots(numbers: Sequence[int], noun: str = "shot") -> str:
    return f"{_and(numbers)} {noun}{'' if list(numbers) == [1] else 's'}"


def _and(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def strangers_of(config: EvaluationConfig, quality: Mapping[str, ByShots]) -> Strangers | None:
    """Return the section on strangers; None if the tasks of the evaluation had none."""
    metrics = tuple(name for name in STRANGER_METRICS if quality.get(name))
    if not metrics:
        return None
    methods = tuple(
        method
        for method in config.method_names
        if any(method in quality[metric] for metric in metrics)
    )
    return Strangers(_description(config, "kept" in metrics), methods, metrics)


def _description(config: EvaluationConfig, has_thresholds: bool) -> str:
    sentences = []
    if config.unknown:
        sentences.append(
            "Near strangers are pictures of other classes in the same set: "
            f"{100 * config.unknown:.0f} % of a task's classes are hidden from the methods."
        )
    if config.strangers:
        names = ", ".join(Path(store).name for store in config.strangers)
        sentences.append(
            f"Far strangers are pictures of other sets ({names}). A class with the same name as a "
            "class of the set is left out; a synonym is not noticed."
        )
    sentences.append(
        "The area under the ROC curve (AUROC) is the probability that a method scores a known "
        "picture above a stranger. The score is the adapter's own score of known, or, if it has "
        "none, the largest probability; a method with @ and a name uses the score of that name."
    )
    if has_thresholds:
        sentences.append(
            "A picture is kept if its score is above the adapter's threshold, which should keep "
            f"{100 * KEEP:.0f} % of known pictures. The adapter's sets of classes should hold the "
            f"right class in {100 * COVERAGE:.0f} % of the answers."
        )
    return " ".join(sentences)
