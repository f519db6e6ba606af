"""The sentences of advice: the finding, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence


def wrong_label(label: str, better: str) -> str:
    """A picture whose label looks wrong."""
    return (
        f"A picture labelled {label!r} looks more like {better!r}: correct its label, or remove it "
        "if it shows neither well."
    )


def near_duplicates(labels: Sequence[str], n_pictures: int) -> str:
    """Pictures that are nearly the same, in one class or in several."""
    if len(labels) > 1:
        return (
            f"Nearly the same picture is in {_and(labels)}: keep it only in the class that it "
            "shows."
        )
    return (
        f"Among the pictures of {labels[0]!r}, {n_pictures} are nearly the same and add nothing "
        "new: keep one, and replace the others with different ones."
    )


def doubtful_name(label: str, name: str, nearer: str) -> str:
    """A name that fits another class's pictures better than its own."""
    subject = f"The name of {label!r}" if name == label else f"The name {name!r} of {label!r}"
    return (
        f"{subject} does not fit its pictures, and fits those of {nearer!r} better: name what the "
        "pictures show, or describe it in a sentence."
    )


def swapped_names(labels: Sequence[str]) -> str:
    """Two names each of which fits the pictures of the other."""
    return (
        f"The names of {_and(labels)} fit the pictures of each other better than their own: check "
        "whether they were swapped."
    )


def empty_names(labels: Sequence[str]) -> str:
    """Names that are a number or a placeholder."""
    is_one = len(labels) == 1
    return (
        f"The name{'' if is_one else 's'} of {_and(labels)} {'says' if is_one else 'say'} nothing "
        "to the encoder: give a name that says what the pictures show."
    )


def few_pictures(label: str, n_pictures: int, n_right: int) -> str:
    """A class that gains most from another picture."""
    if n_pictures == 0:
        return f"The class {label!r} has no picture yet: the first one helps most."
    if n_pictures == 1:
        return f"The class {label!r} has a single picture: add more, as different as possible."
    right = f"{n_right or 'none'} {'is' if n_right < 2 else 'are'} correct"
    return (
        f"The class {label!r} needs pictures: of its {n_pictures}, each predicted without itself, "
        f"{right}; add pictures that differ from these."
    )


def confused_classes(labels: Sequence[str], n_pictures: int, n_wrong: int) -> str:
    """Two classes whose pictures are confused."""
    look = "looks" if n_wrong == 1 else "look"
    return (
        f"The classes {_and(labels)} are hard to tell apart: of their {n_pictures} pictures, each "
        f"predicted without itself, {n_wrong or 'none'} {look} more like the other class; add "
        "pictures that show the difference, or merge the two classes."
    )


def _and(labels: Sequence[str], most: int = 3) -> str:
    names = [repr(label) for label in labels[:most]]
    if len(labels) > most:
        return f"{', '.join(names)} and {len(labels) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
