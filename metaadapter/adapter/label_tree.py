"""A label tree: the parents of classes, the probabilities of its nodes, and sure answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

# Sums of probabilities are exact to about this much.
ROUNDING = 1e-9


@dataclass(frozen=True)
class LabelTree:
    """A tree of names; several may be at the top, below a root without a name.

    A class is a leaf, or a node that has children, too. A class that the tree does not have counts
    as one at the top.

    Raises:
        ValueError: A name is its own ancestor.
    """

    parents: Mapping[str, str]
    """Child → parent; "" for a child at the top."""

    def __post_init__(self) -> None:
        whole: set[str] = set()
        for name in self.parents:
            seen = [name]
            while (above := self.parents.get(seen[-1])) and above not in whole:
                if above in seen:
                    circle = [*seen[seen.index(above) :], above]
                    raise ValueError(f"{' below '.join(map(repr, circle))} is a circle")
                seen.append(above)
            whole.update(seen)

    @cached_property
    def names(self) -> frozenset[str]:
        """All names in the tree."""
        return frozenset({*self.parents, *self.parents.values()} - {""})

    @cached_property
    def inner(self) -> frozenset[str]:
        """The names that have children."""
        return frozenset({*self.parents.values()} - {""})

    def path(self, name: str) -> tuple[str, ...]:
        """Return the names from the top of the tree to `name`; only `name` if it is not in it."""
        names = [name]
        while above := self.parents.get(names[-1]):
            names.append(above)
        return tuple(reversed(names))

    def distance(self, one: str, other: str) -> int:
        """Return the number of edges between two names, through the root if nothing else joins."""
        paths = self.path(one), self.path(other)
        n_shared = sum(one == other for one, other in zip(*paths, strict=False))
        return len(paths[0]) + len(paths[1]) - 2 * n_shared

    def renamed(self, names: Mapping[str, str]) -> LabelTree:
        """Return the tree with other names: old → new."""
        return LabelTree(
            {
                names.get(child, child): names.get(parent, parent)
                for child, parent in self.parents.items()
            }
        )


class SureAnswer(NamedTuple):
    """The deepest node of a label tree that is sure enough for one picture."""

    label: str | None
    """The name of the node; `None` if nothing in the tree is sure enough."""
    probability: float
    """Its probability; 1 if nothing in the tree is sure enough."""
    level: int
    """The number of names in the path: 0 if nothing is sure, 1 at the top of the tree."""
    path: tuple[str, ...]
    """The names from the top of the tree to the node."""
    probabilities: tuple[float, ...]
    """The probability of each name in the path; it never rises on the way down."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**self._asdict(), "path": [*self.path], "probabilities": [*self.probabilities]}


@dataclass(frozen=True)
class ClassTree:
    """The part of a label tree above some classes, in the order of these classes.

    Letters: C classes, M nodes. Node 0 is the root.
    """

    tree: LabelTree
    classes: tuple[str, ...]

    @classmethod
    def of(cls, tree: LabelTree, classes: Iterable[Any]) -> ClassTree:
        """Return the tree of classes, whose names are their labels as text."""
        return cls(tree, tuple(map(str, classes)))

    @cached_property
    def _paths(self) -> list[tuple[str, ...]]:
        return [self.tree.path(label) for label in self.classes]

    @cached_property
    def _children(self) -> dict[str | None, list[str]]:
        children: defaultdict[str | None, dict[str, None]] = defaultdict(dict)
        for path in self._paths:
            for above, name in zip((None, *path), path, strict=False):
                children[above][name] = None
        own = set(self.classes)
        return {node: sorted(names, key=lambda n: n not in own) for node, names in children.items()}

    @cached_property
    def nodes(self) -> tuple[str | None, ...]:
        """The names of the nodes, level by level; `None` is the root."""
        nodes: list[str | None] = [None]
        for node in nodes:  # which grows meanwhile
            nodes += self._children.get(node, ())
        return tuple(nodes)

    @cached_property
    def _number(self) -> dict[str | None, int]:
        return {node: number for number, node in enumerate(self.nodes)}

    @cached_property
    def _below_MC(self) -> Any:
        """A sparse matrix: 1 for each class at a node or below it."""
        from scipy.sparse import coo_array

        pairs = [
            (self._number[node], number)
            for number, path in enumerate(self._paths)
            for node in (None, *path)
        ]
        shape = len(self.nodes), len(self.classes)
        return coo_array((np.ones(len(pairs)), np.transpose(pairs)), shape=shape).tocsr()

    def node_probabilities(
        self, probabilities: Float[np.ndarray, "n C"]
    ) -> Float[np.ndarray, "n M"]:
        """Return the probability of each node, the sum over the classes at it and below it."""
        sums_Mn: np.ndarray = self._below_MC @ probabilities.T
        return sums_Mn.T

    def descent(self, row_M: Float[np.ndarray, " M"]) -> Iterator[tuple[str, float]]:
        """Yield the way down to the most probable child, from the top: name, probability."""
        shares, node = dict(zip(self.nodes, row_M.tolist(), strict=True)), None
        while children := self._children.get(node):
            node = max(children, key=shares.__getitem__)
            yield node, shares[node]

    def sure_answers(
        self, probabilities: Float[np.ndarray, "n C"], least: float
    ) -> list[SureAnswer]:
        """Return for each picture the deepest node whose probability is at least `least`.

        The way there goes from each node to its most probable child. Of a `least` above one half,
        no other node is as deep and as probable.
        """
        return [self._sure(row_M, least) for row_M in self.node_probabilities(probabilities)]

    def _sure(self, row_M: Float[np.ndarray, " M"], least: float) -> SureAnswer:
        path: list[str] = []
        shares: list[float] = []
        for name, share in self.descent(row_M):
            if share < least - ROUNDING:
                break
            path.append(name)
            shares.append(min(share, 1.0))
        label, last = (path[-1], shares[-1]) if path else (None, 1.0)
        return SureAnswer(label, last, len(path), tuple(path), tuple(shares))
