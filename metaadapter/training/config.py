"""What a training run is asked to do: frozen models, unknown keys refused, one default each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from episodes.perturb import Perturbations
from metaadapter.generator import GeneratorConfig
from metaadapter.training.objective import LossWeights

__all__ = [
    "CheckpointConfig",
    "DataConfig",
    "EpisodesConfig",
    "InnerConfig",
    "OptimConfig",
    "SourceConfig",
    "SplitPart",
    "SyntheticConfig",
    "TrackConfig",
    "TrainConfig",
    "ValidateConfig",
]

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Range = tuple[Count, Count]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1)]


def _possible(network: GeneratorConfig) -> GeneratorConfig:
    sizes = asdict(network)
    del sizes["closed_form"]
    wrong = {key: size for key, size in sizes.items() if size < (key != "n_layers")}
    if wrong:
        raise ValueError(f"expected sizes of at least 1, and n_layers of at least 0, got {wrong}")
    if network.width % network.n_heads:
        raise ValueError(
            f"expected a width that n_heads divides, got width {network.width} and n_heads "
            f"{network.n_heads}; the heads share the width equally"
        )
    return network


class Strict(BaseModel):
    """Refuses what it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitPart(Strict):
    """Some of a source's classes: one part of a file that `episodes.split_classes` wrote."""

    split: str
    part: str


class SyntheticConfig(Strict):
    """Gaussian classes in CLIP's geometry, which need no pictures: `episodes.synthetic_source`."""

    n_classes: Annotated[int, Field(ge=2)] = 64
    n_pictures: Annotated[int, Field(ge=2)] = 40
    width: Annotated[int, Field(ge=2)] = 64
    separation: Positive = 4.0
    spectrum_decay: Annotated[float, Field(ge=0)] = 1.0
    gap: Annotated[float, Field(ge=0)] = 1.0
    text_noise: Annotated[float, Field(ge=0)] = 0.5
    logit_scale: Positive = 100.0
    seed: Seed = 0


class SourceConfig(Strict):
    """Where tasks come from.

    Several stores are domains of one source, whose classes are joined by name.
    """

    name: Name
    stores: tuple[str, ...] = ()
    synthetic: SyntheticConfig | None = None
    weight: Positive = 1.0
    classes: SplitPart | None = None
    n_way: Range | None = None
    n_shot: Range | None = None
    cross_domain_share: Share = 0.0

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
    """Feature stores in the folder `root`, which is seen from the config or from where one is."""

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
        counts = Counter(each.name.casefold() for each in self.all_sources)
        twice = sorted({each.name for each in self.all_sources if counts[each.name.casefold()] > 1})
        if twice:
            raise ValueError(
                "expected another name for each entry of sources, validation_classes and "
                f"validation_domains, in upper or lower case, got {', '.join(map(repr, twice))} "
                "more than once; rename all but one"
            )
        return self

    @property
    def all_sources(self) -> tuple[SourceConfig, ...]:
        """Of training, then of validation."""
        return (*self.sources, *self.validation_classes, *self.validation_domains)

    def with_splits(self, moved: Callable[[str], str]) -> DataConfig:
        """The same with another path for each class split."""

        def changed(source: SourceConfig) -> SourceConfig:
            if source.classes is None:
                return source
            part = source.classes.model_copy(update={"split": moved(source.classes.split)})
            return source.model_copy(update={"classes": part})

        kinds = ("sources", "validation_classes", "validation_domains")
        update = {kind: tuple(map(changed, getattr(self, kind))) for kind in kinds}
        return self.model_copy(update=update)


class EpisodesConfig(Strict):
    """Shape of the tasks; ways and shots are drawn log-uniformly from their ranges."""

    n_way: Range = (2, 20)
    n_shot: Range = (1, 16)
    n_query: Count = 10
    imbalance: Annotated[float, Field(ge=0)] = 0.0
    alike: bool = False
    hard_share: Share = 0.0


class InnerConfig(Strict):
    """Gradient steps from the predicted adapter on the support, inside the objective."""

    steps: Whole = 0
    lr: Positive = 0.1
    anchor: Annotated[float, Field(ge=0)] = 1.0
    order: Literal["first", "second"] = "first"
    share: Share = 0.5
    """Share of the draws whose query loss is taken after the steps."""


class OptimConfig(Strict):
    """AdamW, linear warm-up, then a cosine to zero."""

    steps: Count = 1500
    tasks_per_draw: Count = 16
    draws_per_step: Count = 1
    """Draws, each of one source, whose gradients are averaged in a step."""
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    weight_decay: Share = 0.01
    warmup: Whole = Field(default_factory=lambda given: min(100, given.get("steps", 0) // 5))
    """Steps of the rise to `lr`; 100, or a fifth of a shorter run, where it is not given."""
    clip: Positive = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    amp: Literal["off", "bf16"] = "off"
    """Of the network alone; relations and closed forms stay exact."""
    compile: bool = False

    @model_validator(mode="after")
    def _warms_up_in_time(self) -> OptimConfig:
        if self.warmup > self.steps:
            raise ValueError(
                f"expected a warmup of at most all steps, got warmup {self.warmup} and steps "
                f"{self.steps}: the run would end before it learns at the rate of lr"
            )
        return self

    @property
    def tasks_per_step(self) -> int:
        """Tasks whose gradients make one step."""
        return self.tasks_per_draw * self.draws_per_step


class ValidateConfig(Strict):
    """Accuracy on fixed tasks of the validation sets, the same in every round."""

    every: Count = 250
    tasks: Count = 20
    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 4, 16)
    n_query: Count = 15
    most_ways: Annotated[int, Field(ge=2)] = 20
    patience: Whole = 0
    """Rounds without a better score before training stops; 0 never stops early."""


class CheckpointConfig(Strict):
    """How often everything is written down; also after each validation."""

    every: Count = 250


class TrackConfig(Strict):
    """What is logged beside the JSON lines."""

    every: Count = 10
    tensorboard: bool = False


class TrainConfig(Strict):
    """One training run."""

    schema_version: Literal[1] = 1
    seed: Seed = 0
    data: DataConfig
    episodes: EpisodesConfig = EpisodesConfig()
    perturb: Perturbations = Perturbations()
    network: Annotated[GeneratorConfig, AfterValidator(_possible)] = GeneratorConfig()
    loss: LossWeights = LossWeights()
    inner: InnerConfig = InnerConfig()
    optim: OptimConfig = OptimConfig()
    validation: Annotated[ValidateConfig, Field(alias="validate")] = ValidateConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    track: TrackConfig = TrackConfig()
