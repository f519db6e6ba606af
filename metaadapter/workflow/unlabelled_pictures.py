"""Unlabelled pictures: the pool that a generator reads, and its effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store
from metaadapter.files.user_code import is_user_code
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import completed, generator_that_predicted, predict_adapter
from metaadapter.workflow.labelled_pictures import LabelledPictures, Reading, require_pictures
from metaadapter.workflow.new_class import without_copies
from metaadapter.workflow.pool_gain import is_from_elsewhere, pool_gain
from metaadapter.workflow.prediction.queries import open_store

# More unlabelled pictures change an adapter little, and make its folder large.
MOST_UNLABELLED = 4000


def read_unlabelled(
    source: Path,
    labelled: LabelledPictures,
    reading: Reading,
    *,
    cut: Callable[[ImageTable], ImageTable] | None = None,
) -> EncodedPictures:
    """Read the pictures of a pool, or the parts of them that `cut` returns, and `draw_new`."""
    seed = reading.selection.seed
    if is_store(source):
        require_pictures(source, cut)
        queries = open_store(source, labelled.origin)
        drawn, warnings = _drawn(len(queries), seed)
        pictures = queries.pictures(np.array(drawn, dtype=np.int64))
        pictures = replace(pictures, warnings=(*queries.warnings, *warnings))
    else:
        pictures = _encode(source, labelled, reading, cut)
    return draw_new(pictures, labelled.pictures.sha256, seed)


def _encode(
    source: Path,
    labelled: LabelledPictures,
    reading: Reading,
    cut: Callable[[ImageTable], ImageTable] | None,
) -> EncodedPictures:
    """Encode at most `MOST_UNLABELLED` pictures like the labelled ones."""
    origin, encoder = labelled.origin, labelled.encoder
    least = reading.selection.min_confidence
    table = read_images(source, labelled=False, n_classes=1, min_confidence=least)
    table = table if cut is None else cut(table)
    numbers, warnings = _drawn(len(table.rows), reading.selection.seed)
    if encoder is None:
        if origin.encoder is None:
            raise UsageError(
                "the labelled features do not say which encoder made them; give the unlabelled "
                "pictures as a feature store too"
            )
        encoder = reading.load(
            origin.encoder,
            zoom=origin.zoom,
            blocks=origin.block_names,
            remembered_by="the feature store of labelled pictures",
        )
    rows = [table.rows[number] for number in numbers]
    pictures = encode_rows(rows, encoder, views=origin.n_views, seed=origin.seed)
    if not len(pictures):
        first = "; ".join(map(str, pictures.quarantined[:3]))
        raise DataError(f"no unlabelled picture in {source} can be read: {first}; replace them")
    return replace(pictures, warnings=(*table.warnings, *pictures.warnings, *warnings))


def draw_new(pictures: EncodedPictures, labelled: Sequence[str], seed: int) -> EncodedPictures:
    """Draw at most `MOST_UNLABELLED` pictures, but no copies of one another or of labelled ones.

    `labelled` has SHA-256 digests; a picture without a digest counts as no copy. Warnings tell of
    pictures that are left out.
    """
    seen, new = set(labelled), []
    for number, sha256 in enumerate(pictures.sha256):
        if not sha256 or sha256 not in seen:
            new.append(number)
            seen.add(sha256)
    places, warnings = _drawn(len(new), seed)
    if n_copies := len(pictures) - len(new):
        copies = f"{n_copies} unlabelled picture(s) are copies of labelled ones or of one another"
        warnings = (f"{copies}, and were left out", *warnings)
    drawn = pictures.select([new[place] for place in places])
    return replace(drawn, warnings=(*pictures.warnings, *warnings))


def _drawn(n: int, seed: int) -> tuple[list[int], tuple[str, ...]]:
    """Return the sorted numbers of the drawn pictures, and a warning if not all are drawn."""
    if n <= MOST_UNLABELLED:
        return list(range(n)), ()
    drawn = np.random.default_rng(seed).permutation(n)[:MOST_UNLABELLED]
    warning = f"of {n} unlabelled pictures {MOST_UNLABELLED} are used, drawn by the seed {seed}"
    return sorted(drawn.tolist()), (f"{warning}: more would change little",)


@dataclass(frozen=True, slots=True)
class PoolEffect:
    """The effect of unlabelled pictures on an adapter's predictions for them."""

    n: int
    """The number of unlabelled pictures."""
    changed: float
    """The fraction whose most probable class differs from the one predicted without the pool."""
    shifted: float
    """The probability that they come from elsewhere: another camera, style or season."""
    gain: float | None
    """The accuracy expected to be gained by pictures from elsewhere, `None` if nothing shows it."""

    def lines(self) -> list[str]:
        """Return sentences for a user: the effect, then a warning of pictures from elsewhere."""
        lines = [
            f"{self.n} unlabelled picture(s): {self.changed:.0%} of them are predicted differently "
            "than without them"
        ]
        if self.shifted > 0.5:
            advice = "; nothing shows that the adapter gains from them: leave them out"
            if self.gain is not None:
                advice = (
                    f"; it is expected to gain {100 * self.gain:.0f} points of accuracy on them, "
                    "but an accuracy on labelled pictures says little about them"
                )
            lines.append(
                "the unlabelled pictures seem to come from elsewhere than the labelled ones "
                f"(another camera, style or season), or to show none of the classes{advice}"
            )
        return lines


def pool_effect(stored: StoredAdapter) -> PoolEffect | None:
    """Return the effect of the unlabelled pictures in an adapter's support; `None` without any."""
    support = stored.support
    if support is None or support.pool_TUD is None:
        return None
    generator, _ = shared_generator(stored.config.generator)
    without = _predict(generator, support.with_pool(None), stored.config)
    rows = support.pool_TUD[0].double()
    before, after = (classify(rows, weights).argmax(-1) for weights in (without, stored.weights))
    return PoolEffect(
        n=len(rows),
        changed=float((before != after).double().mean()),
        shifted=float(domain_shift(support).probability_T[0]),
        gain=pool_gain(generator, support) if is_from_elsewhere(support) else None,
    )


def require_together(stored: StoredAdapter, adapter: Path | str) -> AdapterGenerator:
    """Return the generator for `predict_together`; call this before pictures are encoded."""
    config = stored.config
    if stored.support is None:
        raise UsageError(
            f"the adapter {adapter} was saved without its support features, so nothing can be "
            "learned from the pictures; leave together (--together) out, or adapt again"
        )
    if config.generator == "custom" or is_user_code(config.generator):
        raise UsageError(
            f"the adapter {adapter} was predicted by a generator of your own, whose code does not "
            "run by itself; leave together (--together) out, or adapt with unlabelled pictures "
            "(--unlabelled)"
        )
    return generator_that_predicted(config.generator, config.generator_id)


def predict_together(
    stored: StoredAdapter, rows: Float[np.ndarray, "u D"], adapter: Path | str
) -> StoredAdapter:
    """Predict the adapter again, with these rows of unlabelled pictures added to its pool.

    The new rows come first, and only the first `MOST_UNLABELLED` rows of the pool are kept. As with
    any pool, no gradient steps are taken, also if the adapter was refined. If the rows come from
    elsewhere and nothing shows that they help, the adapter is returned as it is.
    """
    generator, config = require_together(stored, adapter), stored.config
    assert stored.support is not None
    pool, old = unit_rows(rows), stored.support.pool_TUD
    if old is not None:
        pool = torch.cat([pool, without_copies(old[0], pool)])[:MOST_UNLABELLED]
    support = stored.support.with_pool(pool)
    if is_from_elsewhere(support) and pool_gain(generator, support) is None:
        return stored
    return replace(
        stored,
        weights=_predict(generator, support, config),
        config=config.model_copy(update={"n_unlabelled": support.n_pool, "n_steps": 0}),
        support=support,
        signature=None,
    )


def _predict(
    generator: AdapterGenerator, support: Support, config: AdapterConfig
) -> AdapterWeights:
    return completed(predict_adapter(generator, support), support, config.inside)
