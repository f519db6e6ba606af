"""A request for predictions: pictures and an adapter, all checked but not yet encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE
from metaadapter.data.checksums import content_hash
from metaadapter.data.inputs import listing_digest
from metaadapter.data.shard import Shard
from metaadapter.errors import UsageError
from metaadapter.features.device import Precision
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.predictions import UNKNOWN, PredictionOptions
from metaadapter.workflow.queries import Queries, list_queries, load_adapter_encoder
from metaadapter.workflow.unlabelled_pictures import require_together


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """Pictures and the adapter that predicts their labels, all checked but not yet encoded."""

    adapter: Path
    stored: StoredAdapter
    queries: Queries
    options: PredictionOptions
    load: Callable[[], ImageEncoder]
    together: bool = False
    """Whether the adapter first learns from all these pictures, as its pool."""
    shard: Shard | None = None
    """The share of the pictures to predict; None for all."""

    @property
    def classes(self) -> list[str]:
        """The labels as text, in the adapter's order."""
        return [str(label) for label in self.stored.config.classes]

    @property
    def is_resumable(self) -> bool:
        """Whether an interrupted run can continue: pictures are predicted part by part."""
        return not self.together

    def digest(self, *facts: object) -> str:
        """A digest of the adapter and the options; other `facts` enter by their `repr`."""
        config = self.stored.config
        parts = version("metaadapter"), self.options, facts, config.inside
        files = sorted(file_contents(self.stored).items())
        named = [(name, content_hash(content)) for name, content in files]
        return content_hash(repr((*parts, config.tree, named)))

    @property
    def pictures_digest(self) -> str:
        """A digest of the stores and of the list of the pictures to encode."""
        digests = [stored.digest for stored in self.queries.stored]
        digests.append(listing_digest(self.queries.rows))
        return content_hash(repr(digests))


def request_predictions(
    adapter: Path,
    images: Sequence[Path],
    options: PredictionOptions,
    *,
    labelled: bool = False,
    other_labels: Sequence[str] = (),
    together: bool = False,
    shard: Shard | None = None,
    split: str | None = None,
    pictures: Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
) -> PredictionRequest:
    """Read an adapter and list pictures; their labels may be its classes or `other_labels`.

    The pictures of a source of boxes are in the folder `pictures`, or near it.
    """
    if together and shard is not None:
        raise UsageError(
            "together (--together) learns from all pictures before any prediction, so a shard "
            "(--shard) of them would get other predictions; leave one of the two out"
        )
    stored = load_adapter(adapter, several=True)
    if stored.config.several is not None and (together or labelled):
        option = "together (--together)" if together else "labelled (--labelled)"
        raise UsageError(
            f"{option} is for adapters of one label, and {adapter} gives several; leave it out"
            + ("" if together else " (`metaadapter evaluate --several` scores several labels)")
        )
    if together:
        require_together(stored, adapter)
    options.require(stored, adapter)
    labels = [*([UNKNOWN] if options.reject else []), *other_labels]
    queries = list_queries(
        images,
        stored.config,
        labelled=labelled,
        other_labels=labels,
        split=split,
        pictures=pictures,
        min_confidence=min_confidence,
    )
    load = partial(load_adapter_encoder, adapter, stored, encoder, device, precision)
    return PredictionRequest(adapter, stored, queries, options, load, together, shard)
