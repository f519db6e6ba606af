"""The answer among classes, other species and higher taxa."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from metaadapter.apps.field.species import CLEAR_SHARE
from metaadapter.apps.field.taxonomy import FAMILY, GENUS, TaxonPath, is_within, name_of
from metaadapter.workflow.predictions import Prediction

# SpeciesNet's threshold for a higher taxon as its answer (`geofence_utils.py`).
ROLL_UP = 0.65
SOURCE = "SpeciesNet"


def species_answer(
    paths: Mapping[str, TaxonPath], prediction: Prediction, others: Mapping[str, float]
) -> Prediction:
    """The prediction, with another species or a higher taxon as its label where that fits.

    Another species (name → probability) is the label if it is more probable than every class. If
    no class and no other species has `ROLL_UP`, a genus, or else a family, is the label, if its
    species together have `ROLL_UP` and none of them has `CLEAR_SHARE` of it. `paths` has the taxa
    of all classes and other species.
    """
    known = 1.0 if prediction.known is None else prediction.known
    classes = {label: known * share for label, share in prediction.probabilities.items()}
    leaves = {**classes, **others}
    best = max(leaves, key=leaves.__getitem__)
    if leaves[best] < ROLL_UP:
        for rank in (GENUS, FAMILY):
            taxon, together = _most_probable(paths, leaves, rank)
            inner = [name for name in leaves if taxon and is_within(paths[name], taxon)]
            first = max(inner, key=leaves.__getitem__, default=best)
            if together >= ROLL_UP and leaves[first] < CLEAR_SHARE * together:
                return prediction._replace(
                    label=name_of(taxon),
                    probability=together,
                    runner_up=first,
                    runner_up_probability=leaves[first],
                    source=SOURCE if first in others else prediction.source,
                )
    if best not in others:
        return prediction
    second = max(classes, key=classes.__getitem__)
    return prediction._replace(
        label=best,
        probability=others[best],
        runner_up=second,
        runner_up_probability=classes[second],
        source=SOURCE,
    )


def _most_probable(
    paths: Mapping[str, TaxonPath], leaves: Mapping[str, float], rank: int
) -> tuple[TaxonPath, float]:
    together = defaultdict[TaxonPath, float](float)
    for name, share in leaves.items():
        if len(path := paths[name]) >= rank:
            together[path[:rank]] += share
    return max(together.items(), key=lambda item: item[1], default=((), 0.0))
