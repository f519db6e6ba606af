"""What a training run is asked to do: frozen models that refuse unknown keys."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from episodes import EpisodeSpec
from episodes.perturb import Perturbations
from episodes.pools import PoolSpec
from metaadapter.data.user_code import user_code_and_folder
from metaadapter.generator.generator import GeneratorConfig
from metaadapter.training.loss_weights import LossWeights

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Scale = Annotated[float, Field(ge=0, le=1e3)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Tasks = Annotated[int, Field(ge=1, le=10**5)]
"""Tasks in memory at a time."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Strict(BaseModel):
    """Refuses what it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitPart(Strict):
    """Some of a source's classes: one part of a file that `episodes.split_classes` wrote."""

    split: str
    part: str


class SyntheticConfig(Strict):
    """Gaussian classes in CLIP's geometry, which need no pictures: `episodes.synthetic_source`."""

    n_classes: Annotated[int, Field(ge=2, le=10**5)] = 64
    width: Annotated[int, Field(ge=2, le=10**4)] = 64
    spectrum_decay: Scale = 1.0
    gap: Scale = 1.0
    text_noise: Scale = 0.5
    seed: Seed = 0


class SourceConfig(Strict):
    """Where tasks come from.

    Several stores are domains of one source, whose classes are joined by name.
    """

    name: Annotated[str, Field(min_length=1)]
    stores: tuple[str, ...] = ()
    synthetic: SyntheticConfig | None = None
    weight: Positive = 1.0
    classes: SplitPart | None = None
    n_shot: tuple[Count, Count] | None = None
    """As in `episodes`, for this source alone."""
    cross_domain_share: Fraction = 0.0

    @model_validator(mode="after")
    def _has_one_origin(self) -> SourceConfig:
        if bool(self.stores) == (self.synthetic is not None):
            raise ValueError(
                "expected either `stores` (folders in data.root) or a table `synthetic`"
            )
        if self.synthetic is not None and self.classes is not None:
            raise ValueError("`classes` only beside `stores`: synthetic classes are not split")
        return self


class DataConfig(Strict):
    """Feature stores in `root`, a path from the configuration's folder or from where one is."""

    root: str = "."
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    validation_classes: tuple[SourceConfig, ...] = ()
    """Held-out classes: none of their names may be trained on."""
    validation_domains: tuple[SourceConfig, ...] = ()
    """Held-out domains: none of their stores may be trained on."""
    reserved: tuple[str, ...] = ()
    """Stores kept for the final evaluation; this run must not see any picture of theirs."""

    @model_validator(mode="after")
    def _has_distinct_names(self) -> DataConfig:
        sources = (*self.sources, *self.validation_classes, *self.validation_domains)
        counts = Counter(each.name.casefold() for each in sources)
        twice = sorted({each.name for each in sources if counts[each.name.casefold()] > 1})
        if twice:
            raise ValueError(
                "expected another name for each entry of sources, validation_classes and "
                f"validation_domains, in upper or lower case, got {', '.join(map(repr, twice))} "
                "more than once; rename all but one"
            )
        return self


class InnerConfig(Strict):
    """Gradient steps from the predicted adapter on the support, inside the objective."""

    steps: Annotated[int, Field(ge=0)] = 0
    lr: Positive = 0.1
    order: Literal["first", "second"] = "first"
    share: Fraction = 0.5
    """Fraction of the draws whose query loss is taken after the steps."""


class OptimConfig(Strict):
    """AdamW; the rate rises linearly over a warm-up and falls along a cosine to zero."""

    steps: Count = 1500
    tasks_per_draw: Tasks = 16
    draws_per_step: Count = 1
    """Draws, each of one source, whose gradients are averaged in a step."""
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Weight of the past in the moving average of the weights, which is what is kept."""

    @property
    def tasks_per_step(self) -> int:
        """Tasks whose gradients make one step."""
        return self.tasks_per_draw * self.draws_per_step


class ValidateConfig(Strict):
    """Accuracy and loss on fixed tasks of the validation sets, the same in every round."""

    every: Count = 250
    """Steps between two rounds; the state of the run is saved as often, also without a set."""
    tasks: Tasks = 20
    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 4, 16)


class TrainConfig(Strict):
    """One training run."""

    schema_version: Literal[1] = 1
    seed: Seed = 0
    data: DataConfig
    episodes: EpisodeSpec = EpisodeSpec()
    perturb: Perturbations = Perturbations()
    pools: PoolSpec = PoolSpec()
    """The pools of tasks, where a loss term needs them."""
    start: str | None = None
    """The generator whose weights it begins with, "default" or a folder; else they are drawn."""
    generator: str | None = None
    """FILE.py:CLASS, an `AdapterGenerator` of one's own in place of the network that ships."""
    network: GeneratorConfig = GeneratorConfig()
    loss: LossWeights = LossWeights()
    inner: InnerConfig = InnerConfig()
    optim: OptimConfig = OptimConfig()
    validation: Annotated[ValidateConfig, Field(alias="validate")] = ValidateConfig()

    @model_validator(mode="after")
    def _has_one_generator(self) -> TrainConfig:
        if self.start is not None and (self.generator or self.network != GeneratorConfig()):
            raise ValueError(
                "`start` is a generator with the network that ships, whose shape it has; leave out "
                "`generator` and `network` beside it"
            )
        if self.start is not None and (self.start in ("", "closed-form") or ".py:" in self.start):
            raise ValueError(f"expected start as 'default' or a folder, got {self.start!r}")
        if self.generator is None:
            return self
        if user_code_and_folder(self.generator) != (self.generator, ""):
            raise ValueError(
                f"expected generator as FILE.py:CLASS, got {self.generator!r}; leave it out to "
                "train the network that ships"
            )
        if self.network != GeneratorConfig():
            raise ValueError(
                "`network` is the shape of the generator that ships; leave it out beside a "
                "`generator` of one's own"
            )
        return self

    @property
    def own_code(self) -> dict[str, str]:
        """What is named as FILE.py:NAME, with what it is: "generator" or "loss"."""
        own = {name: "loss" for name, weight in self.loss.own.items() if weight}
        return own | ({self.generator: "generator"} if self.generator else {})
