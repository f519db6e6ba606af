"""Keeps what is evaluated on out of training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from episodes.errors import EpisodeError

__all__ = ["Guard"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Knows the evaluation sets and refuses training sources that overlap with them."""

    reserved_sets: Mapping[str, tuple[str, ...]]
    """Class names of each evaluation data set."""
    reserved_pictures: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Hashes of each evaluation data set's pictures, where they are known."""
    name_of: Callable[[str], str] = str
    """What a label calls its class: labels of one name are one class, in upper or lower case."""

    def check(
        self,
        source_name: str,
        class_names: Iterable[str],
        picture_hashes: Iterable[str] | None = None,
        *,
        forbid_classes: bool = False,
    ) -> None:
        """Look at a source before it is trained on.

        Args:
            source_name: name of its data set; upper and lower case are the same.
            class_names: names of its classes.
            picture_hashes: hashes of its pictures, made as the reserved ones were.
            forbid_classes: refuse evaluation classes too, whatever data set they come from.

        Raises:
            EpisodeError: naming what is reserved and what to do.
        """
        for reserved in self.reserved_sets:
            if reserved.casefold() == source_name.casefold():
                raise EpisodeError(
                    f"source {source_name!r} is the evaluation set {reserved!r}: figures on it "
                    "would mean nothing after training on it. Take it out of the training "
                    "sources, or out of the evaluation sets"
                )
        if forbid_classes:
            self._check_classes(source_name, class_names)
        if picture_hashes is not None:
            self._check_pictures(source_name, set(picture_hashes))

    def _check_classes(self, source_name: str, class_names: Iterable[str]) -> None:
        given = self._by_name(class_names)
        for reserved, labels in self.reserved_sets.items():
            there = self._by_name(labels)
            shared = sorted(there.keys() & given.keys())
            if shared:
                pairs = [_pair(given[name], there[name]) for name in shared]
                raise EpisodeError(
                    f"source {source_name!r} has {_count(shared, 'class', 'classes')} of the "
                    f"evaluation set {reserved!r}: {_some(pairs)}. Leave them out of training, "
                    "for example with a class split"
                )

    def _by_name(self, labels: Iterable[str]) -> dict[str, str]:
        return {self.name_of(label).casefold(): label for label in labels}

    def _check_pictures(self, source_name: str, hashes: set[str]) -> None:
        for reserved, pictures in self.reserved_pictures.items():
            shared = sorted(map(repr, hashes.intersection(pictures)))
            if shared:
                raise EpisodeError(
                    f"source {source_name!r} has {_count(shared, 'picture', 'pictures')} of the "
                    f"evaluation set {reserved!r}, with hash {_some(shared)}. "
                    "Leave them out of training"
                )


def _count(found: list[str], one: str, many: str) -> str:
    return f"{len(found)} {one if len(found) == 1 else many}"


def _pair(given: str, reserved: str) -> str:
    same = given.casefold() == reserved.casefold()
    return repr(given) if same else f"{given!r} ({reserved!r} there)"


def _some(found: list[str]) -> str:
    shown = ", ".join(found[:5])
    return f"{shown} and {len(found) - 5} more" if len(found) > 5 else shown
