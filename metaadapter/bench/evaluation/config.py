"""The configuration of an evaluation: methods × sets × shots × seeds on the same draws."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from metaadapter.bench.evaluation.cell import Cell
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.method_names import (
    USUAL_LEARNERS,
    resolve_learners,
    resolve_names,
)
from metaadapter.training.config_file import check_config, find_path, read_toml

STORES = ("stores", "support_from", "queries_from")
PATHS = (*STORES, "strangers")


def _resolved(store: str) -> str:
    """The absolute folder, so that a link and "." have its name."""
    try:
        return str(Path(store).resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{store!r} cannot be a path: {error}") from error


StoreFolder = Annotated[str, AfterValidator(_resolved)]


class EvaluationConfig(DrawConfig):
    """One evaluation; equal configurations give equal figures, except for times."""

    schema_version: Literal[1] = 1
    stores: tuple[str, ...] = ()
    """Folders of feature stores, one set each; a store that is given twice counts once."""
    support_from: StoreFolder | None = None
    """Instead of `stores`: the labelled pictures come from this store …"""
    queries_from: StoreFolder | None = None
    """… and the queries from this one; classes of the same readable name are joined."""
    strangers: tuple[str, ...] = ()
    """Folders of stores whose pictures, of other classes than the task's, are further queries; a
    set's own store adds none to it."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("default", "peers")
    """Names of methods, and folders of generators and peers; groups as in `resolve_names`.

    With `continual`, names of learners as `load_learner` takes them; "peers" stands for all peers.
    """
    reference: str | None = None
    """The method that the others are compared with; by default the first one."""
    metrics: tuple[str, ...] = ()
    """The user's own metrics, as FILE.py:FUNCTION."""

    @model_validator(mode="before")
    @classmethod
    def _usual_learners(cls, given: Any) -> Any:
        is_continual = isinstance(given, Mapping) and given.get("continual") is not None
        return {"methods": USUAL_LEARNERS, **given} if is_continual else given

    @field_validator("stores", "strangers")
    @classmethod
    def _without_repeats(cls, stores: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(_resolved, stores)))

    @model_validator(mode="after")
    def _is_consistent(self) -> EvaluationConfig:
        crosses = self.support_from is not None
        if crosses != (self.queries_from is not None):
            raise ValueError("support_from and queries_from belong together")
        if crosses == bool(self.stores):
            raise ValueError(
                "expected either stores (STORE…), or support_from and queries_from "
                "(--support-from, --queries-from)"
            )
        if self.continual and (crosses or self.metrics):
            raise ValueError(
                "a sequence of tasks (continual) needs stores (STORE…), and cannot have metrics of "
                "your own"
            )
        if self.strangers and (self.continual or self.base_to_new):
            raise ValueError("strangers cannot be combined with continual or base_to_new")
        # A set of two stores is named by both, so they may share a name; strangers may not.
        folders = {*self.own_stores, *self.strangers} if self.strangers else self.stores
        n_of_name = Counter(Path(store).name for store in folders)
        if alike := [store for store in sorted(folders) if n_of_name[Path(store).name] > 1]:
            raise ValueError(
                "the names of their folders distinguish sets; rename one of: " + ", ".join(alike)
            )
        if self.reference is not None and self.reference not in self.method_names:
            raise ValueError(f"the reference {self.reference!r} is not among the methods")
        return self

    @property
    def own_stores(self) -> tuple[str, ...]:
        """The folders that the sets are made of."""
        both = (self.support_from, self.queries_from)
        return self.stores or tuple(store for store in both if store is not None)

    @property
    def method_names(self) -> tuple[str, ...]:
        """Each method once, with groups written out."""
        return (resolve_learners if self.continual else resolve_names)(self.methods)

    @property
    def reference_name(self) -> str:
        """The method that the others are compared with."""
        return self.reference or self.method_names[0]

    @property
    def set_names(self) -> tuple[str, ...]:
        """Names of the sets in rows and reports."""
        if self.support_from is not None and self.queries_from is not None:
            return (f"{Path(self.support_from).name} → {Path(self.queries_from).name}",)
        return tuple(Path(store).name for store in self.stores)

    @property
    def command(self) -> str:
        """The command of this evaluation, with every value that is not the default."""
        words = ["metaadapter", "evaluate", *self.stores]
        fields = type(self).model_fields
        for name, value in self.model_dump(exclude={"stores", "schema_version"}).items():
            if value == fields[name].default:
                continue
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                between = "-" if name == "pool_size" else ","
                words.append(between.join(map(str, value if isinstance(value, tuple) else [value])))
        return shlex.join([*words, "--out", "RUN"])

    def cells(self) -> tuple[Cell, ...]:
        """All cells; those of one draw follow one another."""
        return tuple(
            Cell(method, store, n_shot, seed)
            for store in ((" → ".join(self.set_names),) if self.continual else self.set_names)
            for seed in range(self.seeds)
            for n_shot in self.ascending_shots
            for method in self.method_names
        )


def load_evaluation(path: Path | None, given: Mapping[str, Any]) -> EvaluationConfig:
    """A configuration with absolute paths, of a TOML file with the keys of `EvaluationConfig`.

    Stores in the file are relative to its folder, or else to the working directory. Values of
    `given` replace those of the file; its stores replace all stores of the file.
    """
    content: dict[str, Any] = {}
    if path is not None:
        replaced = STORES if any(key in given for key in STORES) else ()
        for key, value in read_toml(path).items():
            if key not in replaced:
                content[key] = _absolute(value, path.parent) if key in PATHS else value
    owner = "the evaluation asked for" if path is None else f"the configuration {path}"
    return check_config(EvaluationConfig, {**content, **given}, owner=owner)


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    # `check_config` complains about values that are no text.
    return str(find_path(value, folder)) if isinstance(value, str) else value
