"""What the encoder's text tower reads for each class: folder names, corrected by the user."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from metaadapter.errors import UsageError

__all__ = ["class_names", "require_label", "says_nothing"]

# What is left when nobody gave a name: "3", "class_07", "New folder (2)".
PLACEHOLDER = re.compile(
    r"((class|category|label|group|folder|new folder|untitled)?[\W_]*\d*\W*)", re.IGNORECASE
)


def class_names(
    labels: Iterable[str], *, texts: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """Label → name, for classes with pictures and for classes known by name only.

    Args:
        labels: of the pictures; a name is the label, made readable.
        texts: `LABEL=NAME` for labels whose names say too little.
        added: `LABEL` or `LABEL=NAME` for classes without pictures.

    Raises:
        UsageError: a text is of no label, or an added label is there already.
    """
    from metaadapter.features import readable_name

    names = {label: readable_name(label) for label in labels}
    for text in texts:
        label, name = _parse(text, option="--text")
        require_label(label, list(names), option="--text")
        names[label] = name or readable_name(label)
    for text in added:
        label, name = _parse(text, option="--add-class")
        if label in names:
            raise UsageError(
                f"--add-class adds a class without pictures, but {label!r} is a class already; "
                f"to change its name: --text {label}=NAME"
            )
        names[label] = name or readable_name(label)
    return names


def require_label(label: str, labels: Sequence[str], *, option: str) -> None:
    """Check that a label given on the command line is one of the classes.

    Raises:
        UsageError: with the nearest label, or all of them if they are few.
    """
    if label in labels:
        return
    near = difflib.get_close_matches(label, labels, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the classes are {_some(labels)}"
    raise UsageError(f"{option}: there is no class {label!r}; {hint}")


def says_nothing(name: str) -> bool:
    """Whether a name is a number or a placeholder such as `class 1`."""
    return PLACEHOLDER.fullmatch(name.strip()) is not None


def _parse(text: str, *, option: str) -> tuple[str, str]:
    label, equals, name = (part.strip() for part in text.partition("="))
    if not label or (equals and not name) or (not equals and option == "--text"):
        raise UsageError(
            f'{option} expects LABEL=NAME, for example {option} fox="red fox"; got {text!r}'
        )
    return label, name


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(map(repr, labels[:10]))
    return shown + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
