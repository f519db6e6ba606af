"""Nothing that a run is judged on is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from episodes import Guard
from metaadapter.errors import DataError
from metaadapter.features import FeatureStore, readable_name
from metaadapter.training.sources import LoadedSource

__all__ = ["keep_apart", "require_unseen"]


def keep_apart(
    sources: Sequence[LoadedSource],
    classes: Sequence[LoadedSource],
    domains: Sequence[LoadedSource],
) -> None:
    """Refuse to train on a picture, a held-out class or the store of a held-out domain.

    Held-out classes may be of a trained store; held-out domains may have trained classes.

    Args:
        sources: What is trained on.
        classes: Held-out classes.
        domains: Held-out domains.

    Raises:
        EpisodeError: A source has a class or a picture that is held out.
        DataError: A source has the store of a held-out domain.
    """
    guard = Guard(
        {each.tasks.name: each.classes for each in classes},
        {each.tasks.name: each.picture_hashes for each in (*classes, *domains)},
        # What the text tower reads: "n07753592 banana" and "banana" are one class.
        name_of=readable_name,
    )
    for source in sources:
        for judged in domains:
            for store in judged.folders:
                _require_not_in(source, store, f"which is judged as {judged.tasks.name!r}")
        guard.check(source.tasks.name, source.classes, source.picture_hashes, forbid_classes=True)


def require_unseen(reserved: Path, loaded: Sequence[LoadedSource]) -> None:
    """Refuse all that has a store, by whatever path it is named, or a picture of it.

    Raises:
        EpisodeError: A source has a picture of the store.
        DataError: A source has the store, or there is none.
    """
    pictures = frozenset(map(str, FeatureStore.open(reserved).rows.sha256))
    for source in loaded:
        _require_not_in(source, reserved, "which is reserved")
        Guard({}, {str(reserved): pictures}).check(source.tasks.name, (), source.picture_hashes)


def _require_not_in(source: LoadedSource, store: Path, role: str) -> None:
    same = [folder for folder in source.folders if folder.samefile(store)]
    if same:
        raise DataError(
            f"the source {source.tasks.name!r} has the store {same[0]}, {role}: figures on "
            "it would mean nothing. Take it out of this source, or out of the evaluation"
        )
