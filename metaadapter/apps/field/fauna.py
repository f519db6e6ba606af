"""SpeciesNet's labels as a tree, and the species that a file names beside an adapter's classes.

A label such as "…;mammalia;carnivora;canidae;vulpes;vulpes;red fox" holds an identifier, five ranks
and a common name (https://github.com/google/cameratrapai). A higher taxon leaves the lower ranks
empty. The tree has the labels of the classifier and those of a file, which may be of a later
version.
"""

from __future__ import annotations

import lzma
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.species import PEOPLE, VEHICLES, folded, is_nothing, is_species
from metaadapter.apps.field.species_posterior import Evidence

TaxonPath: TypeAlias = tuple[str, ...]
"""Class, order, family, genus and species, as far as a label has them."""
RANKS = ("class", "order", "family", "species")
GENUS = 4
"""The length of the path of a genus."""
BRITISH = {"gray": "grey", "hyena": "hyaena"}
ASSETS = Path(__file__).parents[2] / "assets" / "speciesnet"
# Labels without ranks; the third such label, "animal", is the root of the tree.
NO_SPECIES = ("blank", "vehicle")
NO_RESULT = "no cv result"


class Taxon(NamedTuple):
    """One label of SpeciesNet."""

    path: TaxonPath
    name: str
    """The common name, or SpeciesNet's convention without one, such as "canis species"; for people
    MegaDetector's category "person"."""

    @classmethod
    def of(cls, label: str) -> Taxon:
        """Read a label of seven parts."""
        _, *ranks, common = (part.strip().casefold() for part in label.split(";"))
        if common in NO_SPECIES:
            return cls((common,), common)
        n_ranks = max((n for n, rank in enumerate(ranks, 1) if rank), default=0)
        path = tuple(ranks[:n_ranks])
        return cls(path, "person" if common == "human" else common or name_of(path))

    @property
    def scientific_name(self) -> str:
        """The scientific name: of a species both parts, else of the taxon; "" if it has none."""
        if self.path in ((), *((name,) for name in NO_SPECIES)):
            return ""
        return " ".join(self.path[GENUS - 1 :] or self.path[-1:]).capitalize()


def name_of(path: TaxonPath) -> str:
    """The name of a taxon without a common name, by SpeciesNet's convention."""
    if len(path) > GENUS:
        return " ".join(path[GENUS - 1 :])
    return f"{path[-1]} {RANKS[len(path) - 1]}" if path else "animal"


def places_of(classes: Iterable[str], taxa: Iterable[Taxon]) -> dict[str, frozenset[TaxonPath]]:
    """Return class → the paths of the taxa that it means; a class without any is missing.

    A class means the taxa of which it is one of the `synonyms`; else those with its common name;
    else that with its scientific name, at any rank; else all whose common names end with it, as
    "honey badger" does for "badger"; else those of the name without an "s" at its end.
    """
    common: dict[str, set[TaxonPath]] = {}
    scientific: dict[str, set[TaxonPath]] = {}  # a family may be in two orders, as Cervidae is
    for path, name in taxa:
        common.setdefault(_spelled(name), set()).add(path)
        for length in range(1, len(path) + 1):
            part = path[:length]
            scientific.setdefault(name_of(part), set()).add(part)
            if length <= GENUS:
                scientific.setdefault(part[-1], set()).add(part)
    places = {label: _places(label, common, scientific) for label in classes}
    return {label: frozenset(paths) for label, paths in places.items() if paths}


@cache
def all_taxa() -> tuple[Taxon, ...]:
    """The labels of SpeciesNet's classifier (metaadapter/assets/speciesnet)."""
    lines = lzma.decompress((ASSETS / "labels.txt.xz").read_bytes()).decode().splitlines()
    return tuple(Taxon.of(f";{line}") for line in lines)


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Common English name that SpeciesNet does not have, or has for less → scientific names."""
    lines = (ASSETS / "synonyms.csv").read_text(encoding="utf-8").splitlines()
    return {name: tuple(taxa.split(";")) for name, taxa in (line.split(",") for line in lines)}


def is_within(path: TaxonPath, place: TaxonPath) -> bool:
    """Return whether a taxon is another or lies below it."""
    return path[: len(place)] == place


def _places(
    label: str, common: Mapping[str, set[TaxonPath]], scientific: Mapping[str, set[TaxonPath]]
) -> set[TaxonPath]:
    name = _spelled(label)
    if is_nothing(label):
        return {("blank",)}
    if name in VEHICLES:
        return {("vehicle",)}
    if name in PEOPLE:
        return {("mammalia", "primates", "hominidae", "homo")}
    if known := {path for taxon in synonyms().get(name, ()) for path in scientific[taxon]}:
        return known
    if name in common:
        return common[name]
    if name in scientific:
        return scientific[name]
    ending = f" {name}"
    found = {path for other, paths in common.items() if other.endswith(ending) for path in paths}
    return found if found or not name.endswith("s") else _places(name[:-1], common, scientific)


def _spelled(name: str) -> str:
    """The name with British spelling, and without hyphens, which lists set as they please."""
    return " ".join(BRITISH.get(word, word) for word in folded(name).replace("-", " ").split())


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
    def of(
        cls,
        detections: Detections,
        classes: Sequence[str],
        tree: Mapping[str, str] | None = None,
    ) -> Fauna | None:
        """The fauna of a file; `None` if it names no species.

        A class that SpeciesNet does not know means what the names below it in the label `tree`
        (child → parent) mean.
        """
        taxa = {
            label: Taxon.of(label)
            for label in sorted(detections.species_labels)
            if NO_RESULT not in label.casefold()
        }
        if not taxa:
            return None
        below = LabelTree(tree or {})
        places = places_of({*classes, *below.names}, {*all_taxa(), *taxa.values()})
        for label in {*classes} - places.keys():
            inner = [places[name] for name in places if label in below.path(name)]
            places |= {label: frozenset().union(*inner)} if inner else {}
        fauna = cls(classes, {label: places[label] for label in classes if label in places})
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
    def scientific_names(self) -> dict[str, str]:
        """Answer → scientific name, where it means one taxon alone."""
        alone = {
            label: next(iter(paths))
            for label, paths in self.places.items()
            if len({Taxon(path, label).scientific_name for path in paths}) == 1
        }
        paths = alone | {**self.others}
        named = {name: Taxon(path, name).scientific_name for name, path in paths.items()}
        return {name: scientific for name, scientific in named.items() if scientific}

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence on the classes that SpeciesNet does not know."""
        missing = [repr(label) for label in self.classes if label not in self.places]
        if not missing:
            return ()
        shown = ", ".join(missing[:MOST_NAMED]) + (", …" if len(missing) > MOST_NAMED else "")
        return (
            f"SpeciesNet has no label for {shown}, so its scores are never for these; if an animal "
            "has another English name, or a scientific one, name the class so",
        )

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
