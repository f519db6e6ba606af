"""The sentences of advice: what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence


def of_label(label: str, better: str) -> str:
    """A picture whose label looks wrong."""
    return (
        f"A picture labelled {label!r} looks more like {better!r}: put its label right, or remove "
        "it if it shows neither well."
    )


def of_copies(labels: Sequence[str], n_pictures: int) -> str:
    """Pictures that are nearly the same, in one class or in several."""
    if len(labels) > 1:
        return (
            f"Nearly the same picture stands in {_and(labels)}: remove it from all but the class "
            "that it shows."
        )
    return (
        f"Among the pictures of {labels[0]!r}, {n_pictures} are nearly the same and tell no more "
        "than one of them: put different ones in place of the others."
    )


def of_name(label: str, name: str, nearer: str) -> str:
    """A name that fits another class's pictures better than its own."""
    called = f"The name of {label!r}" if name == label else f"The name {name!r} of {label!r}"
    return (
        f"{called} says something else to the encoder than its pictures show, and is nearer to "
        f"those of {nearer!r}: name what the pictures show, or describe it in a sentence."
    )


def of_swapped_names(labels: Sequence[str]) -> str:
    """Two names each of which fits the pictures of the other."""
    return (
        f"The names of {_and(labels)} fit the pictures of each other better than their own: look "
        "whether they were swapped."
    )


def of_empty_names(labels: Sequence[str]) -> str:
    """Names that are a number or a placeholder."""
    named = "The name" if len(labels) == 1 else "The names"
    return (
        f"{named} of {_and(labels)} {'says' if len(labels) == 1 else 'say'} nothing to the "
        "encoder: give a name that tells what the pictures show."
    )


def of_need(label: str, n_pictures: int, n_right: int) -> str:
    """A class whose next picture wins most."""
    if n_pictures == 0:
        return f"The class {label!r} has no picture yet: the first one helps most."
    if n_pictures == 1:
        return f"The class {label!r} has a single picture: add more, as different as they come."
    right = f"{n_right or 'none'} {'is' if n_right < 2 else 'are'} right"
    return (
        f"The class {label!r} needs pictures: of its {n_pictures}, each answered without itself, "
        f"{right}; add some that differ from those."
    )


def of_confusion(labels: Sequence[str], n_pictures: int, n_wrong: int) -> str:
    """Two classes whose pictures are taken for one another."""
    look = "looks" if n_wrong == 1 else "look"
    return (
        f"The classes {_and(labels)} are hard to tell apart: of their {n_pictures} pictures, each "
        f"answered without itself, {n_wrong or 'none'} {look} more like the other class; add "
        "pictures that show the difference, or make the two one class."
    )


def _and(labels: Sequence[str], most: int = 3) -> str:
    shown = [repr(label) for label in labels[:most]]
    if len(labels) > most:
        return f"{', '.join(shown)} and {len(labels) - most} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
