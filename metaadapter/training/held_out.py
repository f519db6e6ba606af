"""Nothing that a run is judged on is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
        DataError: A source has something that is held out.
    """
    for source in sources:
        for judged in domains:
            for store in judged.folders:
                _require_not_in(source, store, f"which is judged as {judged.tasks.name!r}")
        for judged in classes:
            _require_other_classes(source, judged)
        for judged in (*classes, *domains):
            _require_other_pictures(source, judged.picture_hashes, judged.tasks.name)


def require_unseen(reserved: Path, loaded: Sequence[LoadedSource]) -> None:
    """Refuse every source that has a store, by whatever path it is named, or a picture of it.

    Raises:
        DataError: A source has the store or a picture of it, or there is no such store.
    """
    pictures = frozenset(map(str, FeatureStore.open(reserved).rows.sha256))
    for source in loaded:
        _require_not_in(source, reserved, "which is reserved")
        _require_other_pictures(source, pictures, str(reserved))


def _require_not_in(source: LoadedSource, store: Path, role: str) -> None:
    same = [folder for folder in source.folders if folder.samefile(store)]
    if same:
        raise DataError(
            f"the source {source.tasks.name!r} has the store {same[0]}, {role}: figures on "
            "it would mean nothing. Take it out of this source, or out of the evaluation"
        )


def _require_other_classes(source: LoadedSource, judged: LoadedSource) -> None:
    """Labels are compared as the text tower reads them: "n07753592 banana" is "banana"."""
    given, there = (
        {readable_name(label).casefold(): label for label in each.classes}
        for each in (source, judged)
    )
    shared = sorted(given.keys() & there.keys())
    if shared:
        pairs = [f"{given[name]!r} ({there[name]!r} there)" for name in shared]
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} class(es) of the evaluation set "
            f"{judged.tasks.name!r}: {_first(pairs)}. Leave them out of training, for example "
            "with a class split"
        )


def _require_other_pictures(source: LoadedSource, hashes: frozenset[str], owner: str) -> None:
    shared = sorted(source.picture_hashes & hashes)
    if shared:
        raise DataError(
            f"the source {source.tasks.name!r} has {len(shared)} picture(s) of the evaluation set "
            f"{owner!r}, with hash {_first(shared)}. Leave them out of training"
        )


def _first(found: list[str]) -> str:
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
