"""The configuration of an adapter: `adapter_config.json`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.layout import CONFIG_FILE, REMEDY, open_adapter
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.origin import Origin
from metaadapter.features.towers.config import InsideConfig
from metaadapter.files.checksums import FileSource, Proof, read_document
from metaadapter.files.hub import is_hub_name
from metaadapter.files.regular_files import not_found
from metaadapter.files.strict_json import wrong_values

SCHEMA = "metaadapter.adapter/1"


@cache  # each time, the metadata of the package would be read from its file
def _library_version() -> str:
    return version("metaadapter")


def _require_no_circle(parents: dict[str, str]) -> dict[str, str]:
    LabelTree(parents)
    return parents


class AdapterConfig(BaseModel):
    """The facts about an adapter that its tensors do not hold. Labels keep their JSON type."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str = "clip-adapter"
    library_version: str = Field(default_factory=_library_version)
    classes: list[bool | int | float | str]
    """Labels in the order of the class vectors."""
    width: int
    """Feature width of the encoder."""
    n_shots: list[Annotated[int, Field(ge=0)]]
    """The number of pictures that each class was predicted from."""
    mode: str
    n_unlabelled: Annotated[int, Field(ge=0)] = 0
    """The number of unlabelled pictures that the adapter was predicted from, too."""
    n_steps: int = 0
    """Gradient steps taken after the prediction."""
    boxed: bool = False
    """Whether most of the labelled pictures were boxes in pictures."""
    generator: str
    generator_id: str
    logit_scale: Annotated[float, Field(gt=0)] | None = None
    """The encoder's inverse temperature; `None` if it was unknown."""
    blocks: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Widths of the blocks of the features; () for one block."""
    class_names: list[str] | None = None
    """The names that were encoded as text; "" for a class that was given as a vector."""
    descriptions: list[list[str]] | None = None
    """The descriptions of each class; `None` if no class has any."""
    origin: Origin = Origin()
    """The encoder without the parts in its image tower."""
    inside: InsideConfig | None = None
    """The adapters inside the encoder's image tower; `None` without any."""
    tree: Annotated[dict[str, str], AfterValidator(_require_no_circle)] | None = None
    """The parents in the label tree of the classes, as `LabelTree.parents`; `None` without one."""
    several: Annotated[int, Field(gt=0)] | None = None
    """The number of labelled pictures if one may show several classes; `None` if it shows one."""

    @property
    def n_pictures(self) -> int:
        """The number of labelled pictures; one may show several classes."""
        return sum(self.n_shots) if self.several is None else self.several

    @property
    def class_tree(self) -> ClassTree | None:
        """The label tree of the classes; `None` without one."""
        return None if self.tree is None else ClassTree.of(LabelTree(self.tree), self.classes)

    @property
    def texts(self) -> dict[bool | int | float | str, str | list[str]]:
        """For each class with a name: label → the name, or a list of name and descriptions."""
        descriptions = self.descriptions or [[] for _ in self.classes]
        names = zip(self.classes, self.class_names or [], descriptions, strict=False)
        return {label: [name, *more] if more else name for label, name, more in names if name}

    @model_validator(mode="after")
    def _describes_every_class(self) -> AdapterConfig:
        for name in ("n_shots", "class_names", "descriptions"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.classes):
                raise ValueError(f"{name} has {len(column)} values, not {len(self.classes)}")
        if self.blocks and sum(self.blocks) != self.width:
            raise ValueError(f"expected blocks that add up to {self.width}, got {self.blocks}")
        return self


def stored_facts(config: AdapterConfig) -> dict[str, Any]:
    """Return the values of `adapter_config.json`."""
    return {"schema": SCHEMA, **config.model_dump(mode="json", exclude_none=True)}


def read_config(adapter: Path, place: FileSource | None = None) -> tuple[AdapterConfig, Proof]:
    """Read `adapter_config.json` and the proof of the other files; `place` is the opened adapter.

    Raises:
        DataError: The file is damaged.
        IncompatibleArtifact: There is no adapter, or its version is unreadable.
    """
    place = place or open_adapter(adapter, CONFIG_FILE)
    path = adapter / CONFIG_FILE
    if not place.has(CONFIG_FILE):
        if not is_hub_name(adapter) and not adapter.exists():
            raise IncompatibleArtifact(
                "expected an adapter, as written by `metaadapter adapt … --out ADAPTER`, but "
                + not_found(adapter)
            )
        raise IncompatibleArtifact(
            f"{adapter} is not an adapter: expected a folder or a skill file with {CONFIG_FILE}, "
            "as written by `metaadapter adapt … --out ADAPTER`"
        )
    stored, proof = read_document(path, SCHEMA, REMEDY, source=place)
    try:
        config = AdapterConfig(**{key: stored[key] for key in stored if key != "schema"})
    except ValidationError as error:
        raise IncompatibleArtifact(
            f"{path} has wrong values: {wrong_values(error)}; it is damaged or of another "
            "version, so adapt again"
        ) from error
    return config, proof
