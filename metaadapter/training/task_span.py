"""Tasks in coordinates of the span of their labelled pictures and texts, for quicker losses."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import pad

from episodes import Episodes
from metaadapter.adapter.support import Support
from metaadapter.generator.span import span_of


def in_span(episodes: Episodes, *, twins: bool) -> Episodes:
    """Return the tasks in fewer coordinates, with the same losses of a `Generator` without pools.

    A `Generator` reads inner products of labelled pictures and texts, and predicts combinations of
    them. So losses need of other pictures the inner products with these, and the length. Rows of
    adapters, and of their gradients, then have as many numbers as there are pictures and texts.

    Args:
        episodes: Tasks; those whose features are hardly wider than that are returned unchanged.
        twins: Whether adapters are predicted from the twins, too; if not, there are none after it.
    """
    batch, n_twins = episodes.batch, episodes.twin_mask_TNK.shape[2] if twins else 0
    support = Support.of_batch(batch, episodes.logit_scale, episodes.blocks)
    twin_mask_TNK = episodes.twin_mask_TNK[:, :, :n_twins]
    rows = batch.support_TNKD, episodes.twin_TNKD[:, :, :n_twins]
    masks = batch.support_mask_TNK, twin_mask_TNK
    span = span_of(
        replace(support, support_TNKD=torch.cat(rows, 2), support_mask_TNK=torch.cat(masks, 2))
    )
    if span is None:
        return episodes
    # No row of the span has a part outside it.
    inside_TNKC, text_TNC = (
        pad(part, (0, 1)) for part in (span.support.support_TNKD, span.support.text_TND)
    )
    support_TNKC, twin_TNKC = inside_TNKC.tensor_split([batch.support_TNKD.shape[2]], 2)
    others = [batch.query_TQD, episodes.off_class_TOD, episodes.class_means_TND, episodes.pool_TUD]
    query_TQC, off_class_TOC, means_TNC, pool_TUC = torch.split(
        span.project(torch.cat(others, 1)), [part.shape[1] for part in others], 1
    )
    *blocks, last = span.support.blocks or (0,)
    return replace(
        episodes,
        batch=replace(batch, support_TNKD=support_TNKC, query_TQD=query_TQC, text_TND=text_TNC),
        twin_TNKD=twin_TNKC,
        twin_mask_TNK=twin_mask_TNK,
        off_class_TOD=off_class_TOC,
        class_means_TND=means_TNC,
        pool_TUD=pool_TUC,
        blocks=episodes.blocks and (*blocks, last + 1),
    )
