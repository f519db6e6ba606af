"""Tasks from several data sets and encoders in one stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes.draws import uniform
from episodes.errors import EpisodeError
from episodes.pools import FOREIGN
from episodes.sampler import EpisodeSampler
from episodes.source import TaskSource
from episodes.spec import EpisodeSpec
from episodes.tasks import EpisodeRows, Episodes, first_views, gather, ways_of_pool

CPU = torch.device("cpu")


@final
class Mixture:
    """Draws tasks from one source at a time, each source as often as its weight says.

    Args:
        sources: Data sets, each encoded by some encoder; the feature widths may differ.
        spec: The sizes of the tasks from all sources without their own `spec`.

    Raises:
        EpisodeError: There is no source, two have one name, or one has too few pictures.
    """

    def __init__(self, sources: Sequence[TaskSource], spec: EpisodeSpec) -> None:
        names = [source.name for source in sources]
        if not names or len(set(names)) < len(names):
            raise EpisodeError(f"expected one or more sources of different names, got {names}")
        self.sources = tuple(sources)
        self._samplers = [_sampler_of(source, source.spec or spec) for source in sources]
        self._foreign_rows: dict[int, list[tuple[TaskSource, Int[Tensor, " n"]]]] = {}
        self._weights = torch.tensor([source.weight for source in sources], dtype=torch.float64)

    def draw(
        self,
        n_tasks: int,
        generator: torch.Generator,
        *,
        twins: bool = False,
        off_class: bool = False,
        foreign: bool = False,
        pools: bool = False,
    ) -> Episodes:
        """Draw tasks from one source, as `EpisodeSampler.draw` does.

        With `foreign`, the pictures of other classes are followed by an equal number of pictures,
        in their first view, from another source with the same encoder, if there is one.

        Returns:
            The tasks on the source's device, each picture in a random view.
        """
        cumulated = self._weights.cumsum(0)
        drawn = uniform((), generator, CPU) * cumulated[-1]
        number = min(int((cumulated <= drawn).sum()), len(self.sources) - 1)
        rows = self._samplers[number].draw(
            n_tasks, generator, twins=twins, off_class=off_class, pools=pools
        )
        episodes = gather(rows, self.sources[number], generator)
        if foreign:
            strangers_TOD = self._foreign(number, episodes.off_class_mask_TO.shape, generator)
            if strangers_TOD is not None:
                episodes = episodes.with_off_class(strangers_TOD)
        if pools:
            episodes = self._with_foreign_pool(episodes, rows, number, generator)
        return episodes

    def _with_foreign_pool(
        self, episodes: Episodes, rows: EpisodeRows, number: int, generator: torch.Generator
    ) -> Episodes:
        """Replace the strangers in some pools by pictures from another source."""
        is_stranger_TU = (rows.pool_TU >= 0) & (ways_of_pool(self.sources[number], rows) < 0)
        is_chosen_T1 = uniform((len(is_stranger_TU), 1), generator, CPU) < FOREIGN
        foreign_TUD = self._foreign(number, is_stranger_TU.shape, generator)
        if foreign_TUD is None:
            return episodes
        chosen_TU = (is_stranger_TU & is_chosen_T1).to(foreign_TUD.device)
        pool_TUD = torch.where(chosen_TU[..., None], foreign_TUD, episodes.pool_TUD)
        return replace(episodes, pool_TUD=pool_TUD)

    def _foreign(
        self, number: int, shape: tuple[int, ...], generator: torch.Generator
    ) -> Float[Tensor, "T X D"] | None:
        """Draw so many first views from one other source with the same encoder, if there is any."""
        if number not in self._foreign_rows:
            self._foreign_rows[number] = foreign_rows(self.sources[number], self.sources)
        others = self._foreign_rows[number]
        if not others:
            return None
        source, rows_n = others[int(uniform((), generator, CPU) * len(others))]
        picked_TX = uniform(tuple(shape), generator, CPU) * len(rows_n)
        return first_views(source, rows_n[picked_TX.long()])


def foreign_rows(
    home: TaskSource, sources: Iterable[TaskSource]
) -> list[tuple[TaskSource, Int[Tensor, " n"]]]:
    """Return other sources with this encoder, and their rows of classes that this one lacks."""
    foreign, names = [], {name.casefold() for name in home.classes}
    for source in sources:
        is_alike = source.features_nVD.shape[2] == home.features_nVD.shape[2]
        is_alike &= source.encoder == home.encoder and source.blocks == home.blocks
        if names and source.classes and is_alike:
            other = torch.tensor([name.casefold() not in names for name in source.classes])
            rows_n = (other[source.labels_n] & (source.labels_n >= 0)).nonzero()[:, 0]
            if len(rows_n):
                foreign.append((source, rows_n))
    return foreign


def _sampler_of(source: TaskSource, spec: EpisodeSpec) -> EpisodeSampler:
    means_CD = source.class_means_CD
    try:
        return EpisodeSampler(
            source.index,
            spec,
            similarity_CC=(means_CD @ means_CD.T).cpu() if spec.hard_share else None,
            cross_domain_share=source.cross_domain_share,
        )
    except EpisodeError as reason:
        raise EpisodeError(f"source {source.name!r}: {reason}") from reason
