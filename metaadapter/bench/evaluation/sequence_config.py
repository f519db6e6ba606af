"""The draws of an evaluation, with the sequence of tasks that a continual one makes of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from metaadapter.bench.evaluation.draws import MOST, DrawConfig

Setting = Literal["task-incremental", "class-incremental", "pooled"]
"""What a learner knows about a query, and which classes are possible answers.

- task-incremental: the task is given, so only its classes are possible, also for tasks to come.
- class-incremental: the classes of all tasks learned so far; there are no queries of later tasks.
- pooled: the classes of all tasks, learned or to come (X-TAIL, Xu et al., NeurIPS 2024).
"""


class SequenceConfig(DrawConfig):
    """Draws, and with `continual` the sequence of tasks that they form."""

    continual: Setting | None = None
    """The setting of continual learners; without it the tasks are independent."""
    splits: Annotated[int, Field(ge=1, le=MOST)] = 1
    """The number of tasks that the classes of each store are divided into."""
    shuffle: bool = False
    """Whether each seed draws an order of the tasks; else they follow the order of the stores."""

    @model_validator(mode="after")
    def _is_a_sequence(self) -> SequenceConfig:
        if self.continual is None:
            if self.splits > 1 or self.shuffle:
                raise ValueError("splits and shuffle need continual (--continual SETTING)")
            return self
        if self.tasks != 1 or self.unknown or self.pool or self.base_to_new:
            raise ValueError(
                "a sequence of tasks (continual) cannot have tasks, unknown, pool or base_to_new"
            )
        return self
