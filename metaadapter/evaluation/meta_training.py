"""What a method was made with, read from the record that lies beside its weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError
from metaadapter.evaluation.evaluation_set import same_name

__all__ = [
    "CLOSED_FORM",
    "META_PEERS_STUDIED",
    "UNTRAINED",
    "MetaTraining",
    "read_meta_training",
]

# Beside the weights that ship, and one folder above `best/` of a training run.
RECORDS = ("training.json", "../summary.json")


@dataclass(frozen=True, slots=True)
class MetaTraining:
    """Data sets and classes that decided a method's weights or settings."""

    stores: frozenset[str]
    """Data sets that it was trained on."""
    classes: frozenset[str]
    """Their classes, as `same_name` writes them."""
    chosen_on: frozenset[str]
    """Data sets by which settings or a checkpoint were chosen."""


UNTRAINED = MetaTraining(frozenset(), frozenset(), frozenset())
"""Most peers: settings are their authors', and nothing is learned before the support is seen."""

# docs/closed-form.md names them.
_STUDIED = ("tiny-imagenet-train", "pacs-photo", "pacs-cartoon", "trashnet6", "omniglot56")
CLOSED_FORM = MetaTraining(frozenset(), frozenset(), frozenset(_STUDIED))
"""The untrained generator: its constants were chosen on sets that nothing is reported on."""

# docs/peers.md tells how.
META_PEERS_STUDIED = frozenset(("tiny-imagenet-train", "pacs-photo", "pacs-cartoon", "trashnet6"))
"""Data sets by which the settings of the meta-trained peers were chosen."""


def read_meta_training(
    folder: Path, chosen_on: frozenset[str] = frozenset()
) -> MetaTraining | None:
    """The record that lies in or above a generator's or peer's folder; None where there is none.

    Args:
        folder: The folder of the weights.
        chosen_on: Data sets that decided constants before the training, which no run records.

    Raises:
        DataError: The record cannot be read.
    """
    for record in (folder / place for place in RECORDS):
        if record.is_file():
            try:
                return _of_data(json.loads(record.read_bytes())["data"], chosen_on)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"{record}: expected the record of a training run with its data, got {error!r}"
                ) from error
    return None


def _of_data(
    data: Mapping[str, Iterable[Mapping[str, Any]]], chosen_on: frozenset[str]
) -> MetaTraining:
    training = list(data["training"])
    judging = [*data["validation_classes"], *data["validation_domains"]]
    return MetaTraining(
        stores=frozenset(_base(store) for source in training for store in source["stores"]),
        classes=frozenset(same_name(name) for source in training for name in source["classes"]),
        chosen_on=chosen_on.union(_base(store) for source in judging for store in source["stores"]),
    )


def _base(store: str) -> str:
    """The data set of a store: `cifar10` of `photos/cifar10`."""
    return Path(store).name.casefold()
