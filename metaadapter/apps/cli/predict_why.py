"""The labelled pictures that answers rest on, in the output of `metaadapter predict --why`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from metaadapter.adapter.stored import StoredAdapter
    from metaadapter.workflow.influence import Reason
    from metaadapter.workflow.prediction.predictions import Prediction


def labelled_paths(labelled: Path, stored: StoredAdapter) -> dict[str, str]:
    """Return content hash → path of the pictures, or of a store, that an adapter was made from.

    Raises:
        DataError: None of its pictures is there.
    """
    from metaadapter.data.decode import content_hash
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.data.reader import ALL_SPLITS, read_images
    from metaadapter.features.encoded_pictures import is_store, read_store
    from metaadapter.features.store.feature_store import FeatureStore

    paths = dict[str, str]()
    if is_store(labelled):
        paths = {one.sha256: one.path for one in read_store(FeatureStore.open(labelled)).pictures}
    else:
        for row in read_images(labelled, labelled=False, split=ALL_SPLITS).rows:
            try:
                paths.setdefault(content_hash(row.picture), str(row.path))
            except UnreadableImage:  # the adapter was not predicted from it
                continue
    if paths.keys().isdisjoint({*stored.picture_hashes} - {""}):
        raise DataError(
            f"--why {labelled}: the adapter was predicted from none of these pictures; give the "
            "labelled pictures that adapt was given"
        )
    return paths


def with_paths(prediction: Prediction, paths: Mapping[str, str]) -> Prediction:
    """Return a prediction whose reasons name paths; a picture without one keeps its hash."""
    if prediction.why is None:
        return prediction

    def named(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        return tuple(one._replace(picture=paths.get(one.picture, one.picture)) for one in reasons)

    why = prediction.why
    why = why._replace(speak_for=named(why.speak_for), speak_against=named(why.speak_against))
    return prediction._replace(why=why)


def list_reasons(predictions: Sequence[Prediction], console: Console) -> None:
    """Print the reasons of answers, a row each: a table on a terminal, tab-separated elsewhere."""
    titles = ["picture", "label", "probability", "speaks", "labelled picture", "its class"]
    rows = [
        [one.path, one.label, one.probability, speaks, *reason]
        for one in predictions
        if one.why is not None
        for speaks, reasons in (
            ("for", one.why.speak_for),
            ("against", one.why.speak_against),
            ("names", (one.why.names,) if one.why.names else ()),
        )
        for reason in reasons
    ]
    console.table([*titles, "without it", "P(label)"], rows, right=["probability", "P(label)"])
