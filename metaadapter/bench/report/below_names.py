"""Finds the methods whose accuracy is below that of the class names alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metaadapter.bench.evaluation.method_names import without_suffixes
from metaadapter.bench.evaluation.name_level import OWN
from metaadapter.bench.evaluation.summary import DRAW, Estimate, differences
from metaadapter.bench.report.evaluation_run import ZERO_SHOT, EvaluationRun, by_shots


@dataclass(frozen=True, slots=True)
class BelowNames:
    """The numbers of shots at which the interval of the loss to zero-shot excludes zero, of a set.

    The labelled pictures do harm there: without them, the method could not be worse.
    """

    method: str
    set: str
    difference: Mapping[int, Estimate]
    """Number of shots → accuracy minus that of zero-shot, paired by draw."""
    accuracy: Mapping[int, float]
    names: Mapping[int, float]
    """Number of shots → the accuracy of zero-shot."""

    @property
    def sentence(self) -> str:
        """The finding, with accuracies in %."""
        listed = ", ".join(
            f"{n} shot{'' if n == 1 else 's'}: {100 * self.accuracy[n]:.1f} against "
            f"{100 * self.names[n]:.1f} %"
            for n in self.difference
        )
        return f"{self.method} falls below the class names alone on {self.set} at {listed}."


def below_names(run: EvaluationRun, methods: Sequence[str], part: str) -> tuple[BelowNames, ...]:
    """Return the findings on these methods and all sets; none without zero-shot among them.

    A single draw has no interval, so there is no finding. With made names only the reference is
    compared; `NamesAxis` has the figures of the others.
    """
    reference = run.config.reference_name
    zero_shot = next((name for name in methods if without_suffixes(name) == ZERO_SHOT), None)
    if zero_shot is None:
        return ()
    less = differences(run.tables["rows"][["method", *DRAW, "accuracy"]], zero_shot)
    findings = []
    for method in methods:
        for place in run.config.set_names:
            accuracy = by_shots(run.means, place, part)
            worse = {
                n_shot: difference
                for n_shot, difference in by_shots(less, place, part).get(method, {}).items()
                if difference.mean + difference.half < 0
            }
            has_own = run.sets[place].get("names", OWN) == OWN
            if worse and (has_own or method == reference):
                means = (
                    {n_shot: accuracy[name][n_shot].mean for n_shot in worse}
                    for name in (method, zero_shot)
                )
                findings.append(BelowNames(method, place, worse, *means))
    return tuple(findings)
