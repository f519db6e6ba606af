"""The configuration of a training run: frozen models that refuse unknown keys."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from episodes import EpisodeSpec
from episodes.perturb import Perturbations
from metaadapter.files.user_code import user_code_and_folder
from metaadapter.generator.generator import GeneratorConfig
from metaadapter.training.loss_terms import LossWeights

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Scale = Annotated[float, Field(ge=0, le=1e3)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Tasks = Annotated[int, Field(ge=1, le=10**5)]
"""A number of tasks that are in memory at the same time."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Strict(BaseModel):
    """A model that refuses unknown keys and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitPart(Strict):
    """One part of the classes of a source, in a file that `episodes.split_classes` wrote."""

    split: str
    part: str


class SyntheticConfig(Strict):
    """A source of Gaussian classes in CLIP's geometry, without pictures (`synthetic_source`)."""

    n_classes: Annotated[int, Field(ge=2, le=10**5)] = 64
    width: Annotated[int, Field(ge=2, le=10**4)] = 64
    spectrum_decay: Scale = 1.0
    gap: Scale = 1.0
    text_noise: Scale = 0.5
    seed: Seed = 0


class SourceConfig(Strict):
    """A source of tasks: either synthetic classes, or stores whose classes are joined by name."""

    name: Annotated[str, Field(min_length=1)]
    stores: tuple[str, ...] = ()
    synthetic: SyntheticConfig | None = None
    weight: Positive = 1.0
    classes: SplitPart | None = None
    n_shot: tuple[Count, Count] | None = None
    """Least and most shots for this source only; by default those of `episodes`."""
    cross_domain_share: Fraction = 0.0

    @model_validator(mode="after")
    def _has_one_origin(self) -> SourceConfig:
        if bool(self.stores) == (self.synthetic is not None):
            raise ValueError(
                "expected either `stores` (folders in data.root) or a table `synthetic`"
            )
        if self.synthetic is not None and self.classes is not None:
            raise ValueError("`classes` needs `stores`: synthetic classes cannot be split")
        return self


class DataConfig(Strict):
    """Feature stores in `root`, relative to the configuration's folder or the working directory."""

    root: str = "."
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    validation_classes: tuple[SourceConfig, ...] = ()
    """Held-out classes: no training source may have a class of the same name."""
    validation_domains: tuple[SourceConfig, ...] = ()
    """Held-out domains: no training source may have one of their stores."""
    reserved: tuple[str, ...] = ()
    """Stores for the final evaluation: this run must not read any of their pictures."""

    @model_validator(mode="after")
    def _has_distinct_names(self) -> DataConfig:
        sources = (*self.sources, *self.validation_classes, *self.validation_domains)
        counts = Counter(source.name.casefold() for source in sources)
        twice = sorted({s.name for s in sources if counts[s.name.casefold()] > 1})
        if twice:
            raise ValueError(
                "expected another name for each entry of sources, validation_classes and "
                f"validation_domains, regardless of case, got {', '.join(map(repr, twice))} "
                "more than once; rename all but one"
            )
        return self


class OptimConfig(Strict):
    """AdamW; the learning rate rises linearly, then falls along a cosine to zero."""

    steps: Count = 1500
    tasks_per_draw: Tasks = 16
    draws_per_step: Count = 1
    """Draws, each from one source, whose gradients are averaged in a step."""
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """The decay of the moving average of the weights; a run keeps the averaged weights."""

    @property
    def tasks_per_step(self) -> int:
        """The number of tasks in one step."""
        return self.tasks_per_draw * self.draws_per_step


class ValidateConfig(Strict):
    """Validation: accuracy and loss on fixed tasks, the same in every round."""

    every: Count = 250
    """Steps between two rounds; then a run also saves its state, even without validation sets."""
    tasks: Tasks = 20
    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 4, 16)


class TrainConfig(Strict):
    """The configuration of one training run."""

    schema_version: Literal[1] = 1
    seed: Seed = 0
    data: DataConfig
    episodes: EpisodeSpec = EpisodeSpec()
    perturb: Perturbations = Perturbations()
    start: str | None = None
    """The generator whose weights training starts from: "default", a folder, `None` for random."""
    generator: str | None = None
    """FILE.py:CLASS, an `AdapterGenerator` of your own that replaces the network that ships."""
    network: GeneratorConfig = GeneratorConfig()
    loss: LossWeights = LossWeights()
    optim: OptimConfig = OptimConfig()
    validation: Annotated[ValidateConfig, Field(alias="validate")] = ValidateConfig()

    @model_validator(mode="after")
    def _has_one_generator(self) -> TrainConfig:
        if self.generator and user_code_and_folder(self.generator) != (self.generator, ""):
            raise ValueError(
                f"expected generator as FILE.py:CLASS, got {self.generator!r}; leave it out to "
                "train the network that ships"
            )
        given = [self.start is not None, bool(self.generator), self.network != GeneratorConfig()]
        if sum(given) > 1:
            raise ValueError(
                "`start` (a generator with its network and shape), `generator` (your own code) and "
                "`network` (the shape of the generator that ships) exclude one another; keep one"
            )
        return self

    def plain(self) -> dict[str, Any]:
        """Return the values as plain Python objects that JSON and TOML can hold."""
        return self.model_dump(mode="json", by_alias=True)
