"""What an adapter says about itself: `adapter_config.json`, and the model card made of it."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from metaadapter.adapter.layout import CONFIG_FILE, REMEDY, open_adapter, refuse_caption_adapter
from metaadapter.data.file_source import FileSource
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.data.proof import Proof, read_document
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.origin import Origin
from metaadapter.features.towers.config import InsideConfig, PromptConfig

SCHEMA, SCHEMA_WITHOUT_PROOF = "metaadapter.adapter/2", "metaadapter.adapter/1"
# A version that does not know the parts in the towers would answer without them.
SCHEMA_WITH_TOWERS, TOWER_PARTS = "metaadapter.adapter/3", ("inside", "prompt")
# More would take hours for each picture.
MOST_VIEWS = 10_000
BEGIN, END = "<!-- metaadapter: facts -->", "<!-- metaadapter: end of facts -->"


def _require_few_views(origin: Origin) -> Origin:
    if origin.n_views > MOST_VIEWS:
        raise ValueError(f"expected at most {MOST_VIEWS} views, got {origin.n_views}")
    return origin


StoredOrigin: TypeAlias = Annotated[Origin, AfterValidator(_require_few_views)]
"""An origin that was read from a file."""


class AdapterConfig(BaseModel):
    """Facts stored beside an adapter's tensors. Labels keep their JSON type."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str = "clip-adapter"
    library_version: str = Field(default_factory=lambda: version("metaadapter"))
    classes: list[bool | int | float | str]
    """Labels in the order of the class vectors."""
    width: int
    """Feature width of the encoder."""
    n_shots: list[Annotated[int, Field(ge=0)]]
    """The number of pictures that each class was predicted from."""
    mode: str
    n_unlabelled: Annotated[int, Field(ge=0)] = 0
    """The number of unlabelled pictures that it was predicted from beside them."""
    n_steps: int = 0
    """Gradient steps taken after the prediction."""
    generator: str
    generator_id: str
    logit_scale: Annotated[float, Field(gt=0)] | None = None
    """The encoder's own inverse temperature, where it was known."""
    blocks: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Widths of the blocks that the features consist of; () for one."""
    class_names: list[str] | None = None
    """The names that the text features were made of; "" where a class came with a vector."""
    descriptions: list[list[str]] | None = None
    """The sentences of each class that were read beside its name; `None` if there were none."""
    origin: StoredOrigin = Origin()
    """The encoder, without the parts that stand in its towers."""
    inside: InsideConfig | None = None
    """The adapters in the blocks of the encoder's towers, if there are any."""
    prompt: PromptConfig | None = None
    """The learned context of its texts, if there is one."""

    @property
    def has_towers(self) -> bool:
        """Whether the features come from the encoder with parts of this adapter in its towers."""
        return self.inside is not None or self.prompt is not None

    @property
    def texts(self) -> dict[bool | int | float | str, str | list[str]]:
        """Label → name, or name and sentences, of the classes that have a name."""
        told = self.descriptions or [[] for _ in self.classes]
        names = zip(self.classes, self.class_names or [], told, strict=False)
        return {label: [name, *more] if more else name for label, name, more in names if name}

    @model_validator(mode="after")
    def _tells_of_each_class(self) -> AdapterConfig:
        for name in ("n_shots", "class_names", "descriptions"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.classes):
                raise ValueError(f"expected {name} of {len(self.classes)}, got {len(column)}")
        if self.blocks and sum(self.blocks) != self.width:
            raise ValueError(f"expected blocks {self.width} wide together, got {self.blocks}")
        return self


def stored_facts(config: AdapterConfig) -> dict[str, Any]:
    """The values of `adapter_config.json`, with the schema that they need."""
    unused = {name for name in TOWER_PARTS if getattr(config, name) is None}
    schema = SCHEMA_WITH_TOWERS if config.has_towers else SCHEMA
    return {"schema": schema, **config.model_dump(mode="json", exclude=unused)}


def read_config(adapter: Path, place: FileSource | None = None) -> tuple[AdapterConfig, Proof]:
    """Read `adapter_config.json`; keys of a newer version are dropped, with a warning.

    Args:
        adapter: A folder or a skill file.
        place: Its place, where that is open already.

    Returns:
        The facts, and the proof of the files beside them.

    Raises:
        DataError: It is damaged.
        IncompatibleArtifact: There is no adapter, or one whose schema or required keys are not
            those of this version, or one that orders captions.
    """
    place = place or open_adapter(adapter, CONFIG_FILE)
    path = adapter / CONFIG_FILE
    if not place.has(CONFIG_FILE):
        raise IncompatibleArtifact(
            f"{adapter} is not an adapter: expected a folder or a skill file with {CONFIG_FILE}, "
            "as written by `metaadapter adapt … --out ADAPTER`"
        )
    refuse_caption_adapter(adapter, place)
    stored, proof = read_document(
        path,
        (SCHEMA, SCHEMA_WITH_TOWERS),
        REMEDY,
        without_proof=(SCHEMA_WITHOUT_PROOF,),
        place=place,
    )
    if proof is None:
        proof = Proof(path, stored.pop("files", {}), REMEDY, place)
    known = set(AdapterConfig.model_fields)
    warn_of_unknown(path, sorted(set(stored) - known - {"schema"}))
    try:
        facts = AdapterConfig(**{key: value for key, value in stored.items() if key in known})
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in error.errors())
        raise IncompatibleArtifact(
            f"{path}: missing or wrong: {wrong}; the file is damaged or too old, adapt again"
        ) from error
    return facts, proof


def warn_of_unknown(path: Path, unknown: list[str]) -> None:
    """Name what a file of a newer version holds and this one leaves out."""
    if unknown:
        warnings.warn(
            f"{path} is of a newer metaadapter: {', '.join(unknown)} is not known to this version "
            "and ignored; upgrade with `pip install -U metaadapter` to use it",
            stacklevel=3,
        )


def card(config: AdapterConfig, old: str) -> str:
    """The model card, which keeps the user's words on the `old` one."""
    return card_text(_HEAD, _facts(config), old)


def card_text(head: str, facts: str, old: str) -> str:
    """A model card with facts between marks: in place of those of the `old` card, or above it."""
    facts = f"{BEGIN}\n{facts}\n{END}"
    if BEGIN in old and END in old:
        return old.split(BEGIN, 1)[0] + facts + old.split(END, 1)[1]
    return f"{head}\n{facts}\n" + (f"\n{old}" if old else "")


_HEAD = """---
library_name: metaadapter
pipeline_tag: image-classification
tags: [clip, few-shot, adapter]
---
"""


def _facts(config: AdapterConfig) -> str:
    origin = config.origin
    encoder = in_markdown(origin.encoder) if origin.encoder else "not recorded"
    generator = in_markdown(f"{config.generator}, {config.generator_id}")
    none = [""] * len(config.classes)
    told = config.descriptions or [[] for _ in none]
    names = [
        "; ".join([name, *sentences])
        for name, sentences in zip(config.class_names or none, told, strict=True)
    ]
    rows = "\n".join(
        f"| {in_markdown(label)} | {in_markdown(name)} | {shots} |"
        for label, name, shots in zip(config.classes, names, config.n_shots, strict=True)
    )
    several = origin.n_views > 1
    views = f", {origin.n_views} views each (seed {origin.seed})" if several else ""
    arguments = f", views={origin.n_views}, seed={origin.seed}" if several else ""
    seen = f"zoom={origin.zoom}" + (f", blocks={origin.block_names}" if origin.blocks else "")
    parts = [part for part in (config.inside, config.prompt) if part is not None]
    own = "".join(f"\nThe encoder has {part}." for part in parts)
    without = "in one forward pass" if parts else "without gradients"
    steps = f"and {config.n_steps} gradient steps" if config.n_steps else without
    load, imported = f"load_encoder({one_line(origin.encoder or '…')!r}, {seen})", ""
    if parts:
        imported = "from metaadapter.adapter import adapted_encoder, load_adapter\n"
        load = f'adapted_encoder(\n    {load},\n    load_adapter("path/of/this/adapter"),\n)'
    pool = f" and {config.n_unlabelled} unlabelled ones" if config.n_unlabelled else ""
    return f"""# A few-shot adapter for {len(config.classes)} classes

Predicted by metaadapter {in_markdown(config.library_version)} from {sum(config.n_shots)} labelled
pictures{pool}{views}, {steps} (generator {generator}; mode
{in_markdown(config.mode)}). It works on features of the frozen encoder {encoder}, {config.width}
wide, whose licence also applies, and holds no picture.{own}

| class | name read by the encoder | pictures |
|---|---|---|
{rows}

```python
from metaadapter import MetaAdapterClassifier
{imported}from metaadapter.features import load_encoder

encoder = {load}
classifier = MetaAdapterClassifier.load("path/of/this/adapter")
classifier.predict_proba(encoder.encode_images(["picture.jpg"]{arguments}))
```"""
