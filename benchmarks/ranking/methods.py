"""Methods that score pictures and captions after a few pairs: parts of ours, and trained peers."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import log_softmax, normalize

from benchmarks.ranking.domains import Draw
from metaadapter.labs.ranking.pair_adapter import PairAdapter, fit_pairs
from metaadapter.labs.ranking.rankings import balance_kinds, lead_of_pairs, level_candidates

# The best of a few values on the domains that are for choosing.
STEPS, LEARNING_RATE, BOTTLENECK, RANK, RATIO = 100, 1e-3, 64, 16, 0.2
TEMPERATURE = 28.0


def frozen(draw: Draw, _: dict) -> np.ndarray:
    """The cosines of pictures and captions from the frozen encoder."""
    return draw.pictures @ draw.captions.T


def centred(draw: Draw, looks: dict) -> np.ndarray:
    """The cosines after subtracting the means of the pairs, with no other change."""
    adapter = fit_pairs(draw.pair_pictures, draw.pair_captions, **looks)
    bare = PairAdapter(
        adapter.picture_mean,
        adapter.caption_mean,
        *(np.empty((0, draw.pictures.shape[1]), np.float32) for _ in range(3)),
        adapter.places,
    )
    return bare.picture_rows(draw.pictures) @ bare.caption_rows(draw.captions).T


def pairs(draw: Draw, looks: dict, *, hubs: bool = True) -> np.ndarray:
    """The method of `metaadapter rank`."""
    adapter = fit_pairs(draw.pair_pictures, draw.pair_captions, **looks)
    rows = adapter.picture_rows(draw.pictures, hubs=hubs)
    return _scores(draw, rows, adapter.caption_rows(draw.captions, hubs=hubs))


def together(draw: Draw, looks: dict, *, n_pairs: int | None = None) -> np.ndarray:
    """The method of `metaadapter rank --together`; without pairs if `n_pairs` is 0."""
    adapter = fit_pairs(
        draw.pair_pictures[:n_pairs],
        draw.pair_captions[:n_pairs],
        more_pictures=[draw.pictures],
        more_captions=[draw.captions],
        **looks,
    )
    pictures, captions = level_candidates(
        adapter.picture_rows(draw.pictures, hubs=False),
        adapter.caption_rows(draw.captions, hubs=False),
    )
    return _scores(draw, pictures, captions)


def _scores(draw: Draw, pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """The products of rows; captions of both kinds are balanced, as by `metaadapter rank`."""
    of_pairs = np.arange(len(captions)) < draw.n_old
    if of_pairs.any() and not of_pairs.all():
        lead = lead_of_pairs(draw.pictures, draw.captions, of_pairs)
        captions = balance_kinds(pictures, captions, of_pairs, lead)
    return pictures @ captions.T


def trained(draw: Draw, _: dict, *, lora: bool) -> np.ndarray:
    """Train a bottleneck on pictures (CLIP-Adapter), or low-rank maps of pictures and captions."""
    torch.manual_seed(0)
    x, t, pictures, captions = (
        torch.from_numpy(rows)
        for rows in (draw.pair_pictures, draw.pair_captions, draw.pictures, draw.captions)
    )
    dim = x.shape[1]
    if lora:
        of_pictures, of_captions = _low_rank(dim), _low_rank(dim)
        parameters = [*of_pictures.parameters(), *of_captions.parameters()]
    else:
        of_pictures, of_captions = _bottleneck(dim), None
        parameters = [*of_pictures.parameters()]

    def scores(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if of_captions is None:
            x = RATIO * normalize(of_pictures(x), dim=1) + (1 - RATIO) * x
        else:
            x, t = x + of_pictures(x), t + of_captions(t)
        return normalize(x, dim=1) @ normalize(t, dim=1).T

    same = (t @ t.T > 0.999).float()
    same /= same.sum(1, keepdim=True)
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-2)
    for _ in range(STEPS):
        logits = TEMPERATURE * scores(x, t)
        loss = -(same * (log_softmax(logits, 1) + log_softmax(logits, 0))).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return scores(pictures, captions).numpy()


def _bottleneck(dim: int) -> nn.Module:
    down, up = nn.Linear(dim, BOTTLENECK, bias=False), nn.Linear(BOTTLENECK, dim, bias=False)
    return nn.Sequential(down, nn.ReLU(), up, nn.ReLU())


def _low_rank(dim: int) -> nn.Module:
    down, up = nn.Linear(dim, RANK, bias=False), nn.Linear(RANK, dim, bias=False)
    nn.init.zeros_(up.weight)
    return nn.Sequential(down, up)


METHODS = {
    "frozen": frozen,
    "centred": centred,
    "… and corrected": partial(pairs, hubs=False),
    "pairs": pairs,
    "frozen, together": partial(together, n_pairs=0),
    "pairs, together": together,
    "CLIP-Adapter": partial(trained, lora=False),
    "low rank": partial(trained, lora=True),
}
