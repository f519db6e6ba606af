"""The species that a detector's file names, beside the classes of an adapter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from metaadapter.apps.field.allowed_species import folded
from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.species import is_species
from metaadapter.apps.field.species_posterior import Evidence
from metaadapter.apps.field.taxonomy import (
    FAMILY,
    GENUS,
    NO_RESULT,
    NO_SPECIES,
    Taxon,
    TaxonPath,
    is_within,
    name_of,
    places_of,
)

MOST_NAMED = 5


class Spread(NamedTuple):
    """The classes that a label of SpeciesNet stands for; at most one of the lists is not empty."""

    name: str
    within: Sequence[str]
    """The classes that it lies within."""
    below: Sequence[str]
    """The classes that lie below it."""


@dataclass(frozen=True, slots=True)
class Fauna:
    """The classes and other species, with their places in SpeciesNet's tree."""

    classes: Sequence[str]
    places: Mapping[str, frozenset[TaxonPath]]
    """Class → its taxa; classes that no label names are missing."""
    others: Mapping[str, TaxonPath] = field(default_factory=dict)
    """Name of a species that is no class, but may be the answer → its taxon."""
    labels: Mapping[str, Spread] = field(default_factory=dict)
    """All labels of SpeciesNet in the file."""

    @classmethod
    def of(cls, detections: Detections, classes: Sequence[str]) -> Fauna | None:
        """The fauna of a file; `None` if it names no species."""
        taxa = {
            label: Taxon.of(label)
            for label in sorted(detections.species_labels)
            if NO_RESULT not in label.casefold()
        }
        if not taxa:
            return None
        fauna = cls(classes, places_of(classes, taxa.values()))
        labels = {label: fauna._spread(taxon) for label, taxon in taxa.items()}
        others = {
            taxon.name: taxon.path
            for label, taxon in taxa.items()
            if taxon.path not in ((), ("blank",))
            and not labels[label].within
            and not labels[label].below
        }
        return replace(fauna, others=others, labels=labels)

    def among(self, names: Container[str]) -> Fauna:
        """The fauna with only these other species; people and vehicles stay."""
        kept = {
            name: path
            for name, path in self.others.items()
            if not is_species(name)
            or folded(name) in names
            or Taxon(path, name).scientific_name.casefold() in names
        }
        return replace(self, others=kept)

    @property
    def higher(self) -> dict[str, TaxonPath]:
        """Name → taxon of each genus and family."""
        paths = {*self.others.values()}.union(*self.places.values())
        taxa = {path[:rank] for path in paths for rank in (GENUS, FAMILY) if len(path) >= rank}
        return {name_of(path): path for path in sorted(taxa)}

    @property
    def scientific_names(self) -> dict[str, str]:
        """Answer → scientific name."""
        paths = {label: self.path(label) for label in self.places} | {**self.others} | self.higher
        named = {name: Taxon(path, name).scientific_name for name, path in paths.items()}
        return {name: scientific for name, scientific in named.items() if scientific}

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence on the classes that no label of SpeciesNet names."""
        missing = [repr(label) for label in self.classes if label not in self.places]
        if not missing:
            return ()
        shown = ", ".join(missing[:MOST_NAMED]) + (", …" if len(missing) > MOST_NAMED else "")
        return (
            f"no label of SpeciesNet in the detections names {shown}, so its scores are never for "
            "these; English and scientific names of classes are understood",
        )

    def path(self, name: str) -> TaxonPath:
        """The lowest taxon that holds a class or another species; () if there is none."""
        paths = [self.others[name]] if name in self.others else [*self.places.get(name, ())]
        common = takewhile(lambda ranks: len({*ranks}) == 1, zip(*paths, strict=False))
        return tuple(ranks[0] for ranks in common)

    def evidence(self, scores: Mapping[str, float]) -> Evidence:
        """Spread SpeciesNet's scores (label → score) over the classes and the rest.

        A label within a class counts for that class. Half of a label above some classes counts for
        these in equal parts, half for the rest. Any other label counts for its species.
        """
        of_classes, others, rest = (
            defaultdict[str, float](float),
            defaultdict[str, float](float),
            0.0,
        )
        for label, score in scores.items():
            if label not in self.labels:
                continue
            name, within, below = self.labels[label]
            for place in within:
                of_classes[place] += score / len(within)
            for place in below:
                of_classes[place] += score / (2 * len(below))
            if below:
                rest += score / 2
            elif name in self.others:
                others[name] += score
        scores_C = np.array([of_classes[label] for label in self.classes], dtype=np.float64)
        is_named_C = np.array([label in self.places for label in self.classes])
        return Evidence(scores_C, is_named_C, others, rest)

    def _spread(self, taxon: Taxon) -> Spread:
        """Classes that a taxon lies within, only the lowest ones; else classes below it."""
        depths = {
            label: max((len(place) for place in places if is_within(taxon.path, place)), default=0)
            for label, places in self.places.items()
        }
        deepest = max(depths.values(), default=0)
        within = [label for label, depth in depths.items() if depth == deepest > 0]
        below = [
            label
            for label, places in self.places.items()
            if not within
            and any(is_within(place, taxon.path) for place in places if place[0] not in NO_SPECIES)
        ]
        return Spread(taxon.name, within, below)
