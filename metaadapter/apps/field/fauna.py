"""The species that a detector's file names, beside the classes of an adapter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

import numpy as np

from metaadapter.apps.field.allowed_species import folded
from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.species import is_species
from metaadapter.apps.field.species_posterior import Evidence
from metaadapter.apps.field.taxonomy import (
    FAMILY,
    GENUS,
    Taxon,
    TaxonPath,
    is_within,
    name_of,
    places_of,
)

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Fauna:
    """The classes and other species, with their places in SpeciesNet's tree."""

    classes: Sequence[str]
    places: Mapping[str, frozenset[TaxonPath]]
    """Class → its taxa; classes that no label names are missing."""
    others: Mapping[str, TaxonPath] = field(default_factory=dict)
    """Name of a species that is no class, but may be the answer → its taxon."""

    @classmethod
    def of(cls, detections: Detections, classes: Sequence[str]) -> Fauna | None:
        """The fauna of a file; `None` if it names no species."""
        taxa = sorted({Taxon.of(label) for label in detections.species_labels})
        if not taxa:
            return None
        fauna = cls(classes, places_of(classes, taxa))
        others = {taxon.name: taxon.path for taxon in taxa if fauna._is_other(taxon.path)}
        return replace(fauna, others=others)

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
            f"no label of SpeciesNet in the detections names {shown}, so its scores change nothing "
            "there; English and scientific names of classes are understood",
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
        for named, score in scores.items():
            taxon = Taxon.of(named)
            if holders := self._holders(taxon.path):
                for label in holders:
                    of_classes[label] += score / len(holders)
            elif below := self._below(taxon.path):
                for label in below:
                    of_classes[label] += score / (2 * len(below))
                rest += score / 2
            elif taxon.name in self.others:
                others[taxon.name] += score
        scores_C = np.array([of_classes[label] for label in self.classes], dtype=np.float64)
        is_named_C = np.array([label in self.places for label in self.classes])
        return Evidence(scores_C, is_named_C, others, rest)

    def _holders(self, path: TaxonPath) -> list[str]:
        """The classes that a taxon lies within; the lowest, if one class lies within another."""
        depths = {
            label: max((len(place) for place in places if is_within(path, place)), default=0)
            for label, places in self.places.items()
        }
        deepest = max(depths.values(), default=0)
        return [label for label, depth in depths.items() if depth == deepest > 0]

    def _below(self, path: TaxonPath) -> list[str]:
        return [
            label
            for label, places in self.places.items()
            if any(is_within(place, path) for place in places)
        ]

    def _is_other(self, path: TaxonPath) -> bool:
        is_nothing = path in ((), ("blank",))
        return not is_nothing and not self._holders(path) and not self._below(path)
