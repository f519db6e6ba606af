"""The configuration of an evaluation: methods × sets × shots × seeds on the same draws."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from metaadapter.bench.evaluation.cells import Cell
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.methods.method_names import (
    METHODS_OF_SEVERAL,
    USUAL_LEARNERS,
    resolve_learners,
    resolve_names,
)
from metaadapter.bench.evaluation.sets.name_level import MADE, OWN, NameLevel
from metaadapter.errors import DataError
from metaadapter.training.config_file import check_config, config_error, find_path, read_toml

AT = "@"
SEEDS_OF_SEVERAL = 10
PATHS = ("stores", "strangers", "tree")
# The keys that are options of the command; `--set` gives the others.
OPTIONS = ("methods", "shots", "seeds", "tasks", "ways", "queries")


def _resolved(store: str) -> str:
    """Return the absolute path without links, whose last part names the set."""
    try:
        return str(Path(store).resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{store!r} cannot be a path: {error}") from error


StoreFolder = Annotated[str, AfterValidator(_resolved)]
StoreSource = StoreFolder | tuple[StoreFolder, StoreFolder]
"""A store, or the store of the labelled pictures and the store of the queries."""


class EvaluationConfig(DrawConfig):
    """The configuration of one evaluation; equal ones give equal figures, except for times."""

    schema_version: Literal[1] = 1
    stores: tuple[StoreSource, ...] = ()
    """Each store, or pair of stores, is one set; repeated ones count once. Of a pair the first
    gives the labelled pictures and the second the queries and pools; classes with the same readable
    name are one class. In a file and in options a pair is SUPPORT@QUERY."""
    strangers: tuple[StoreFolder, ...] = ()
    """Folders of stores whose pictures are further queries, if their classes are not in the set; a
    set gets no strangers from its own stores."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("default", "peers")
    """Names of methods, folders of generators, and groups as in `resolve_names`; with
    `continual`, names of learners as in `load_learner`, and "peers" for all peers among them; with
    `several`, among `METHODS_OF_SEVERAL`."""
    names: tuple[NameLevel, ...] = (OWN,)
    """Levels of class texts as in `with_names`; each set is measured once at each level."""
    metrics: tuple[str, ...] = ()
    """The user's own metrics, as FILE.py:FUNCTION."""
    tree: str | None = None
    """A file with the label tree of all classes, for figures of its levels and sure answers."""

    def __init__(self, **values: Any) -> None:
        """Check values from Python; a `DataError` lists all faults."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise config_error(type(self), error, owner="the EvaluationConfig") from error

    # So that pydantic does not call it for the content of a file, which `check_config` checks.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        usual: dict[str, Any] = {}
        if given.get("continual") is not None:
            usual = {"methods": USUAL_LEARNERS}
        elif given.get("several"):
            usual = {"methods": METHODS_OF_SEVERAL, "seeds": SEEDS_OF_SEVERAL}
        return usual | {**given}

    @field_validator("stores", "strangers", "names")
    @classmethod
    def _without_repeats(cls, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(given))

    @model_validator(mode="after")
    def _is_consistent(self) -> EvaluationConfig:
        if not self.stores:
            raise ValueError("expected stores to evaluate on (STORE or SUPPORT@QUERY)")
        if not self.names:
            raise ValueError(f"expected at least one level of names, such as {OWN!r}, got none")
        pairs = [AT.join(source) for source in self.stores if not isinstance(source, str)]
        # By group, a pair may stand beside single stores.
        alone = pairs if len(pairs) == len(self.stores) or not self.by_group else []
        for kind in ("continual", "several", "by_group"):
            if getattr(self, kind) and alone:
                raise ValueError(f"{kind} takes single stores, got {', '.join(alone)}")
        self._require_distinct_names()
        return self

    def _require_distinct_names(self) -> None:
        named = {AT.join(folders_of(source)): name_of(source) for source in self.stores}
        if self.strangers:
            # The names of their folders distinguish strangers from a set's own stores.
            named = {store: name_of(store) for store in (*self.own_stores, *self.strangers)}
        n_of_name = Counter(named.values())
        if alike := [store for store in sorted(named) if n_of_name[named[store]] > 1]:
            raise ValueError(
                "two stores have folders of the same name, but the names of their folders "
                "distinguish sets; rename one of: " + ", ".join(alike)
            )

    @property
    def own_stores(self) -> tuple[str, ...]:
        """The folders of the stores that the sets are made from."""
        return tuple(folder for source in self.stores for folder in folders_of(source))

    @property
    def method_names(self) -> tuple[str, ...]:
        """The name of each method once; a group is replaced by its members."""
        return (resolve_learners if self.continual else resolve_names)(self.methods)

    @property
    def reference_name(self) -> str:
        """The name of the method that all others are compared with, the first one."""
        return self.method_names[0]

    @property
    def set_names(self) -> tuple[str, ...]:
        """The names of the sets in tables and reports."""
        return tuple(
            self.name_of_set(source, level) for source in self.stores for level in self.names
        )

    @property
    def places(self) -> tuple[str, ...]:
        """The sets, or the one sequence that they form, as cells name them."""
        return (" → ".join(self.set_names),) if self.continual else self.set_names

    def name_of_set(self, source: StoreSource, level: str = OWN) -> str:
        """Return the name of the set of a store, or of two, with names of a level."""
        is_divided = self.by_group and isinstance(source, str)
        name = f"{name_of(source)} by group" if is_divided else name_of(source)
        return name if level == OWN else f"{name}, {MADE} {level}"

    @property
    def command(self) -> str:
        """The command that runs this evaluation; values that are defaults are left out."""
        words = ["metaadapter", "evaluate"]
        words += [AT.join(folders_of(source)) for source in self.stores]
        fields = type(self).model_fields
        for name, value in self.model_dump(exclude={"stores", "schema_version"}).items():
            if value == fields[name].default:
                continue
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            if name in OPTIONS:
                words += [f"--{name}", text]
            else:
                words += ["--set", f"{name}={text.lower() if value is True else text}"]
        return shlex.join([*words, "--out", "RUN"])

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells; the cells of one draw follow one another."""
        return tuple(
            Cell(method, store, n_shot, seed)
            for store in self.places
            for seed in range(self.seeds)
            for n_shot in self.ascending_shots
            for method in self.method_names
        )


def load_evaluation(path: Path | None, given: Mapping[str, Any]) -> EvaluationConfig:
    """Read a configuration from a TOML file with the keys of `EvaluationConfig`, and from `given`.

    A value in `given` replaces that of the file. A path in the file is relative to the file's
    folder, or, if nothing is there, to the working directory. The paths of the result are absolute.
    A text in `stores` is read by `read_source`.
    """
    content: dict[str, Any] = {}
    if path is not None:
        for key, value in read_toml(path).items():
            content[key] = _absolute(value, path.parent, key) if key in PATHS else value
    given = {
        key: _absolute(value, Path.cwd(), key) if key in ("stores", "tree") else value
        for key, value in given.items()
    }
    owner = "the requested evaluation" if path is None else f"the configuration {path}"
    return check_config(EvaluationConfig, {**content, **given}, owner=owner)


def _absolute(value: Any, folder: Path, key: str) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder, key) for item in value]
    # `check_config` refuses a value that is not a text.
    if not isinstance(value, str):
        return value
    return read_source(value, folder) if key == "stores" else str(find_path(value, folder))


def read_source(text: str, folder: Path) -> str | tuple[str, str]:
    """Return the store that STORE names, or the two stores that SUPPORT@QUERY names.

    A text that is an existing path is one store, even if it contains an @. A path is relative to
    `folder`, or, if nothing is there, to the working directory. Raise `DataError` if the text has
    an @, but is no path, and no @ has existing paths on both sides.
    """
    whole = find_path(text, folder)
    if AT not in text or whole.exists():
        return str(whole)
    pairs = [(text[:place], text[place + 1 :]) for place, letter in enumerate(text) if letter == AT]
    for support, query in pairs:
        paths = find_path(support, folder), find_path(query, folder)
        if support and query and all(path.exists() for path in paths):
            return str(paths[0]), str(paths[1])
    tried = ", or ".join(f"{support!r} and {query!r}" for support, query in pairs)
    raise DataError(
        f"expected a feature store, or two feature stores as SUPPORT@QUERY, got {text!r}; there is "
        f"no folder of this name, nor are there both folders {tried}; correct the names"
    )


def folders_of(source: str | tuple[str, str]) -> tuple[str, ...]:
    """Return the folders of a set's stores."""
    return (source,) if isinstance(source, str) else source


def name_of(source: str | tuple[str, str]) -> str:
    """Return the name of a set: the name of its store, or the names of two stores joined by @."""
    return AT.join(Path(folder).name for folder in folders_of(source))
