"""What an evaluation is asked to measure: methods × sets × shots × seeds on the same draws."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator, model_validator

from metaadapter.bench.evaluation.methods import resolve_names
from metaadapter.bench.sequences.learner_names import USUAL, resolve_learners
from metaadapter.bench.sequences.setting import SequenceConfig
from metaadapter.training.config_file import checked, find_path, read_toml

STORES = ("stores", "support_from", "queries_from")
PATHS = (*STORES, "strangers")


def _resolved(store: str) -> str:
    """The folder itself, whatever leads there: a link and "." have its name."""
    try:
        return str(Path(store).resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{store!r} cannot be a path: {error}") from error


StoreFolder = Annotated[str, AfterValidator(_resolved)]


class Cell(NamedTuple):
    """The smallest piece of work, and the key that it is kept under."""

    method: str
    store: str
    """Name of the set, or of the sequence of sets."""
    n_shot: int
    seed: int


class EvaluationConfig(SequenceConfig):
    """One evaluation; equal configurations give equal figures, times apart."""

    schema_version: Literal[1] = 1
    stores: tuple[str, ...] = ()
    """Folders of feature stores, each a set of its own; one that is given twice counts once."""
    support_from: StoreFolder | None = None
    """Instead of `stores`: the labelled pictures come from this one …"""
    queries_from: StoreFolder | None = None
    """… and the pictures to classify from this one, classes joined by readable name."""
    strangers: tuple[str, ...] = ()
    """Folders of stores that each task also gets pictures from which show none of its classes; a
    set's own store gives it none."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("default", "peers")
    """Names of methods, folders of generators and peers; groups as `resolve_names` has them.

    With `continual`, names of learners as `load_learner` takes them; "peers" are all of them.
    """
    reference: str | None = None
    """The method that others are held against; the first one if not given."""
    metrics: tuple[str, ...] = ()
    """Metrics of one's own as FILE.py:FUNCTION."""

    @model_validator(mode="before")
    @classmethod
    def _usual_learners(cls, given: Any) -> Any:
        asks_for_learners = isinstance(given, Mapping) and given.get("continual") is not None
        return {"methods": USUAL, **given} if asks_for_learners else given

    @field_validator("stores", "strangers")
    @classmethod
    def _each_once(cls, stores: tuple[str, ...]) -> tuple[str, ...]:
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
                "a sequence of tasks (continual) is of stores (STORE…), and without metrics of "
                "one's own"
            )
        if self.strangers and (self.continual or self.base_to_new):
            raise ValueError("strangers go without continual and base_to_new")
        # A set of two stores is told by both names, and they may be alike; not so with strangers.
        folders = {*self.own_stores, *self.strangers} if self.strangers else self.stores
        n_named = Counter(Path(store).name for store in folders)
        if alike := [store for store in sorted(folders) if n_named[Path(store).name] > 1]:
            raise ValueError(
                "sets are told apart by the names of their folders; rename one of: "
                + ", ".join(alike)
            )
        if self.reference is not None and self.reference not in self.method_names:
            raise ValueError(f"the reference {self.reference!r} is not among the methods")
        return self

    @property
    def own_stores(self) -> tuple[str, ...]:
        """The folders that the sets are made of."""
        crossed = (self.support_from, self.queries_from)
        return self.stores or tuple(each for each in crossed if each is not None)

    @property
    def method_names(self) -> tuple[str, ...]:
        """Each method once, groups written out."""
        return (resolve_learners if self.continual else resolve_names)(self.methods)

    @property
    def reference_name(self) -> str:
        """The method that others are held against."""
        return self.reference or self.method_names[0]

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
                between = "-" if name == "pool_size" else ","
                words.append(between.join(map(str, value if isinstance(value, tuple) else [value])))
        return shlex.join([*words, "--out", "RUN"])

    def cells(self) -> tuple[Cell, ...]:
        """The plan; what shares a draw stands together."""
        return tuple(
            Cell(method, store, n_shot, seed)
            for store in ((" → ".join(self.set_names),) if self.continual else self.set_names)
            for seed in range(self.seeds)
            for n_shot in self.ascending_shots
            for method in self.method_names
        )


def load_evaluation(path: Path | None, given: Mapping[str, Any]) -> EvaluationConfig:
    """A configuration with absolute paths.

    Args:
        path: A TOML file with the keys of `EvaluationConfig`; its stores are seen from its own
            folder, or else from where one is.
        given: Values that replace those of the file. Stores replace all stores of the file.

    Raises:
        DataError: The file cannot be read, or a key or a value is wrong.
    """
    content: dict[str, Any] = {}
    if path is not None:
        replaced = STORES if any(key in given for key in STORES) else ()
        for key, value in read_toml(path).items():
            if key not in replaced:
                content[key] = _placed(value, path.parent) if key in PATHS else value
    owner = "the evaluation asked for" if path is None else f"the configuration {path}"
    return checked(EvaluationConfig, {**content, **given}, owner=owner)


def _placed(value: Any, folder: Path) -> Any:
    """Paths in full; what is none is left for `checked` to complain of."""
    if isinstance(value, list):
        return [_placed(each, folder) for each in value]
    return str(find_path(value, folder)) if isinstance(value, str) else value
