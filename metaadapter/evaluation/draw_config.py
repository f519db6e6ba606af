"""How the tasks of an evaluation are drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Count", "DrawConfig"]

Count = Annotated[int, Field(ge=1)]


class DrawConfig(BaseModel):
    """Equal values draw equal tasks from equal sets."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shots: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4, 8, 16)
    seeds: Count = 5
    """The number of draws; their seeds are 0 … seeds − 1."""
    tasks: Count = 1
    """The number of tasks of a draw."""
    ways: Annotated[int, Field(ge=2)] | None = None
    """The number of classes of a task; all of them if not given."""
    queries: Literal["all"] | Count = "all"
    """Pictures to classify, a class; "all" that are in no support of the draw."""
    unknown: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The fraction of a task's classes of which the method sees nothing."""
    base_to_new: bool = False
    """Adapt on the first half of the classes, and judge each half among itself."""

    @model_validator(mode="after")
    def _takes_all_classes(self) -> DrawConfig:
        if self.base_to_new and (self.ways is not None or self.unknown):
            raise ValueError("base_to_new takes all classes, so neither ways nor unknown")
        return self

    @property
    def ascending_shots(self) -> tuple[int, ...]:
        """Each number of shots once."""
        return tuple(sorted(set(self.shots)))
