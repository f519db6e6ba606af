"""What an evaluation is asked to measure: methods × sets × shots × seeds on the same draws."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from metaadapter.evaluation.methods import resolve_names
from metaadapter.training.config import Count, Fraction, Strict

__all__ = ["Cell", "EvaluationConfig"]


class Cell(NamedTuple):
    """The smallest piece of work, and the key that it is kept under."""

    method: str
    store: str
    """Name of the set."""
    n_shot: int
    seed: int


class EvaluationConfig(Strict):
    """One evaluation; equal configurations give equal figures, times apart."""

    schema_version: Literal[1] = 1
    stores: tuple[str, ...] = ()
    """Folders of feature stores, each a set of its own."""
    support_from: str | None = None
    """Instead of `stores`: the labelled pictures come from this one …"""
    queries_from: str | None = None
    """… and the pictures to classify from this one, classes joined by readable name."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("default", "peers")
    """Names of methods, folders of generators and peers; "peers", "meta-peers" and "all"."""
    reference: str | None = None
    """The method that others are held against; the first one if not given."""
    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4, 8, 16)
    seeds: Count = 5
    """Draws 0 … seeds − 1."""
    tasks: Count = 1
    """Tasks of a draw."""
    ways: Annotated[int, Field(ge=2)] | None = None
    """Classes of a task; all of them if not given."""
    queries: Literal["all"] | Count = "all"
    """Pictures to classify, a class; "all" that are in no support of the draw."""
    unknown: Annotated[Fraction, Field(lt=1)] = 0.0
    """Share of a task's classes of which the method sees nothing, to be told apart from known."""
    base_to_new: bool = False
    """Adapt on the first half of the classes, and judge each half among itself."""

    @model_validator(mode="after")
    def _is_consistent(self) -> EvaluationConfig:
        crosses = self.support_from is not None or self.queries_from is not None
        if crosses and (self.support_from is None or self.queries_from is None):
            raise ValueError("support_from and queries_from belong together")
        if crosses == bool(self.stores):
            raise ValueError(
                "expected either stores (STORE…), or support_from and queries_from "
                "(--support-from, --queries-from)"
            )
        names = [Path(store).name for store in self.stores]
        if len(set(names)) < len(names):
            raise ValueError(
                "sets are told apart by the names of their folders; rename one of: "
                + ", ".join(self.stores)
            )
        if self.base_to_new and (self.ways is not None or self.unknown):
            raise ValueError("base_to_new takes all classes, so neither ways nor unknown")
        if self.reference is not None and self.reference not in self.method_names:
            raise ValueError(f"the reference {self.reference!r} is not among the methods")
        return self

    @property
    def method_names(self) -> tuple[str, ...]:
        """Each method once, groups written out."""
        return resolve_names(self.methods)

    @property
    def reference_name(self) -> str:
        """The method that others are held against."""
        return self.reference or self.method_names[0]

    @property
    def ascending_shots(self) -> tuple[int, ...]:
        """Each number of shots once."""
        return tuple(sorted(set(self.shots)))

    @property
    def set_names(self) -> tuple[str, ...]:
        """The sets, as rows and reports call them."""
        if self.support_from is not None and self.queries_from is not None:
            return (f"{Path(self.support_from).name} → {Path(self.queries_from).name}",)
        return tuple(Path(store).name for store in self.stores)

    @property
    def command(self) -> str:
        """The command that measures this, with every value that is not the usual one."""
        words = ["metaadapter", "evaluate", *self.stores]
        usual = type(self).model_fields
        for name, value in self.model_dump(exclude={"stores", "schema_version"}).items():
            if value == usual[name].default:
                continue
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                words.append(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
        return shlex.join([*words, "--out", "RUN"])

    def cells(self) -> tuple[Cell, ...]:
        """The plan; what shares a draw stands together."""
        return tuple(
            Cell(method, store, n_shot, seed)
            for store in self.set_names
            for seed in range(self.seeds)
            for n_shot in self.ascending_shots
            for method in self.method_names
        )
