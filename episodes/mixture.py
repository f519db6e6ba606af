"""Tasks from several data sets and encoders in one stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch

from episodes.draws import uniform
from episodes.errors import EpisodeError
from episodes.sampler import EpisodeSampler
from episodes.source import TaskSource
from episodes.spec import EpisodeSpec
from episodes.tasks import Episodes, gather

__all__ = ["Mixture"]


@final
class Mixture:
    """Draws the tasks of one source after the other, each as often as its weight says.

    Args:
        sources: Data sets through encoders; widths may differ between them.
        spec: Sizes of the tasks of all sources that have none of their own.

    Raises:
        EpisodeError: There is no source, two have one name, or one cannot give such tasks.
    """

    def __init__(self, sources: Sequence[TaskSource], spec: EpisodeSpec) -> None:
        names = [source.name for source in sources]
        if not names or len(set(names)) < len(names):
            raise EpisodeError(f"sources must be one or more of different names, got {names}")
        self.sources = tuple(sources)
        self._samplers = [_sampler_of(source, source.spec or spec) for source in sources]
        self._weights = torch.tensor([source.weight for source in sources], dtype=torch.float64)

    def draw(
        self,
        n_tasks: int,
        generator: torch.Generator,
        *,
        twins: bool = False,
        off_class: bool = False,
    ) -> Episodes:
        """Draw tasks that are all from one source, as `EpisodeSampler.draw` does.

        Returns:
            The tasks on the source's device, each picture through a view of its own.
        """
        cumulated = self._weights.cumsum(0)
        drawn = uniform((), generator, torch.device("cpu")) * cumulated[-1]
        number = min(int((cumulated <= drawn).sum()), len(self.sources) - 1)
        rows = self._samplers[number].draw(n_tasks, generator, twins=twins, off_class=off_class)
        return gather(rows, self.sources[number], generator)


def _sampler_of(source: TaskSource, spec: EpisodeSpec) -> EpisodeSampler:
    means_CD = source.class_means_CD
    try:
        return EpisodeSampler(
            source.index,
            spec,
            similarity_CC=means_CD @ means_CD.T if spec.hard_share else None,
            cross_domain_share=source.cross_domain_share,
            device=source.features_nVD.device,
        )
    except EpisodeError as reason:
        raise EpisodeError(f"source {source.name!r}: {reason}") from reason
