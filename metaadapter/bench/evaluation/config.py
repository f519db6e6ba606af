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
    """Return the absolute path without links, whose last part names the set."""
    try:
        return str(Path(store).resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{store!r} cannot be a path: {error}") from error


StoreFolder = Annotated[str, AfterValidator(_resolved)]


class EvaluationConfig(DrawConfig):
    """The configuration of one evaluation; equal ones give equal figures, except for times."""

    schema_version: Literal[1] = 1
    stores: tuple[str, ...] = ()
    """Folders of feature stores; each store is one set, a repeated store counts once."""
    support_from: StoreFolder | None = None
    """Instead of `stores`: the store that gives the labelled pictures."""
    queries_from: StoreFolder | None = None
    """Instead of `stores`: the store that gives the queries; classes with the same readable name
    in both stores are one class."""
    strangers: tuple[str, ...] = ()
    """Folders of stores whose pictures are further queries, if their classes are not in the set; a
    set gets no strangers from its own stores."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("default", "peers")
    """Names of methods, folders of generators and peers, and groups as in `resolve_names`; with
    `continual`, names of learners as in `load_learner`, and "peers" for all peers among them."""
    reference: str | None = None
    """The method that all others are compared with; by default the first method."""
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
            raise ValueError("support_from and queries_from belong together; give both or neither")
        if crosses == bool(self.stores):
            raise ValueError(
                "expected either stores (STORE…), or support_from and queries_from "
                "(--support-from, --queries-from)"
            )
        if self.continual and (crosses or self.metrics):
            raise ValueError(
                "a sequence of tasks (continual) needs stores (STORE…) instead of support_from and "
                "queries_from, and takes no metrics"
            )
        if self.strangers and (self.continual or self.base_to_new):
            raise ValueError("strangers cannot be combined with continual or base_to_new")
        # The name of a set of two stores has both names, which may be equal; strangers may not.
        folders = {*self.own_stores, *self.strangers} if self.strangers else self.stores
        n_of_name = Counter(Path(store).name for store in folders)
        if alike := [store for store in sorted(folders) if n_of_name[Path(store).name] > 1]:
            raise ValueError(
                "two stores have folders of the same name, but the names of their folders "
                "distinguish sets; rename one of: " + ", ".join(alike)
            )
        if self.reference is not None and self.reference not in self.method_names:
            raise ValueError(f"the reference {self.reference!r} is not among the methods; name one")
        return self

    @property
    def own_stores(self) -> tuple[str, ...]:
        """The folders of the stores that the sets are made from."""
        both = (self.support_from, self.queries_from)
        return self.stores or tuple(store for store in both if store is not None)

    @property
    def method_names(self) -> tuple[str, ...]:
        """The name of each method once; a group is replaced by its members."""
        return (resolve_learners if self.continual else resolve_names)(self.methods)

    @property
    def reference_name(self) -> str:
        """The name of the method that all others are compared with."""
        return self.reference or self.method_names[0]

    @property
    def set_names(self) -> tuple[str, ...]:
        """The names of the sets in tables and reports."""
        if self.support_from is not None and self.queries_from is not None:
            return (f"{Path(self.support_from).name} → {Path(self.queries_from).name}",)
        return tuple(Path(store).name for store in self.stores)

    @property
    def command(self) -> str:
        """The command that runs this evaluation; values that are defaults are left out."""
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
        """Return all cells; the cells of one draw follow one another."""
        return tuple(
            Cell(method, store, n_shot, seed)
            for store in ((" → ".join(self.set_names),) if self.continual else self.set_names)
            for seed in range(self.seeds)
            for n_shot in self.ascending_shots
            for method in self.method_names
        )


def load_evaluation(path: Path | None, given: Mapping[str, Any]) -> EvaluationConfig:
    """Read a configuration from a TOML file with the keys of `EvaluationConfig`, and from `given`.

    A value in `given` replaces that of the file; a store in `given` replaces all stores of the
    file. A path in the file is relative to the file's folder, or, if nothing is there, to the
    working directory. The paths of the result are absolute.
    """
    content: dict[str, Any] = {}
    if path is not None:
        replaced = STORES if any(key in given for key in STORES) else ()
        for key, value in read_toml(path).items():
            if key not in replaced:
                content[key] = _absolute(value, path.parent) if key in PATHS else value
    owner = "the requested evaluation" if path is None else f"the configuration {path}"
    return check_config(EvaluationConfig, {**content, **given}, owner=owner)


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    # `check_config` refuses a value that is not a text.
    return str(find_path(value, folder)) if isinstance(value, str) else value
