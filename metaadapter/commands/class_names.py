"""Names of classes as they are given on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from metaadapter.errors import UsageError

__all__ = ["class_names", "require_label"]


def class_names(
    labels: Iterable[str], *, texts: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """Label → name as it was given, for classes with pictures and for classes without.

    Args:
        labels: labels of the pictures; each is its own name, unless `texts` gives another.
        texts: `LABEL=NAME` for labels that say too little.
        added: `LABEL` or `LABEL=NAME` for classes without pictures.

    Raises:
        UsageError: a text is for no label, or an added label is there already.
    """
    names = {label: label for label in labels}
    for text in texts:
        label, name = _parse(text, option="--text")
        require_label(label, list(names), option="--text")
        names[label] = name
    for text in added:
        label, name = _parse(text, option="--add-class")
        if label in names:
            raise UsageError(
                f"--add-class adds a class without pictures, but {label!r} is a class already; "
                f"to change its name: --text {label}=NAME"
            )
        names[label] = name or label
    return names


def require_label(label: str, labels: Sequence[str], *, option: str) -> None:
    """Check that a label given on the command line is one of the classes.

    Raises:
        UsageError: it is not; the message names the nearest label, or all if they are few.
    """
    if label in labels:
        return
    near = difflib.get_close_matches(label, labels, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the classes are {_some(labels)}"
    raise UsageError(f"{option}: there is no class {label!r}; {hint}")


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
