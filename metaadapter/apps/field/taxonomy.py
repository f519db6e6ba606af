"""SpeciesNet's labels as a tree, and the places of an adapter's classes in it.

A label such as "…;mammalia;carnivora;canidae;vulpes;vulpes;red fox" holds an identifier, five ranks
and a common name (https://github.com/google/cameratrapai). A higher taxon leaves the lower ranks
empty. The tree of a file has only the labels that occur in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from metaadapter.apps.field.allowed_species import folded
from metaadapter.apps.field.species import PEOPLE, VEHICLES, is_nothing

TaxonPath: TypeAlias = tuple[str, ...]
"""Class, order, family, genus and species, as far as a label has them."""
RANKS = ("class", "order", "family", "species")
GENUS, FAMILY = 4, 3
"""The lengths of the paths of these ranks."""
# Common words for whole classes of vertebrates.
VERTEBRATES = {
    "bird": "aves",
    "mammal": "mammalia",
    "reptile": "reptilia",
    "amphibian": "amphibia",
}
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


def places_of(classes: Sequence[str], taxa: Iterable[Taxon]) -> dict[str, frozenset[TaxonPath]]:
    """Return class → the paths of the taxa that it means; a class without any is missing.

    A class means the taxon with its common name, else with its scientific name at any rank; else
    all whose common names end with it, as "white-tailed deer" does for "deer".
    """
    common: dict[str, set[TaxonPath]] = {}
    scientific: dict[str, TaxonPath] = {}
    for path, name in taxa:
        common.setdefault(_spelled(name), set()).add(path)
        for length in range(1, len(path) + 1):
            part = path[:length]
            scientific[name_of(part)] = part
            if length <= GENUS:
                scientific[part[-1]] = part
    places = {label: _places(label, common, scientific) for label in classes}
    return {label: frozenset(paths) for label, paths in places.items() if paths}


def is_within(path: TaxonPath, place: TaxonPath) -> bool:
    """Return whether a taxon is another or lies below it."""
    return path[: len(place)] == place


def _places(
    label: str, common: Mapping[str, set[TaxonPath]], scientific: Mapping[str, TaxonPath]
) -> set[TaxonPath]:
    name = _spelled(label)
    if is_nothing(label):
        return {("blank",)}
    if name in VEHICLES:
        return {("vehicle",)}
    if name in PEOPLE:
        return {("mammalia", "primates", "hominidae", "homo")}
    if name in common:
        return common[name]
    if name in scientific or name in VERTEBRATES:
        return {scientific.get(name, (VERTEBRATES.get(name, name),))}
    ending = f" {name}"
    return {path for other, paths in common.items() if other.endswith(ending) for path in paths}


def _spelled(name: str) -> str:
    return " ".join("grey" if word == "gray" else word for word in folded(name).split())
