"""The classes of a user's task: their names as they are given, and what may be wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote

from metaadapter.errors import UsageError

LOPSIDED = 10  # times as many pictures in the largest class as in the smallest
# What is left when nobody gave a name: "3", "class_07", "New folder (2)".
PLACEHOLDER = re.compile(
    r"((class|category|label|group|folder|new folder|untitled)?[\W_]*\d*\W*)", re.IGNORECASE
)


def class_names(
    labels: Iterable[str], *, texts: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """Label → name as it was given, for classes with pictures and for classes without.

    A label of the pictures is its own name, unless `texts` has `LABEL=NAME`; `added` has `LABEL` or
    `LABEL=NAME` for classes without pictures.

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


def with_sentences(
    names: Mapping[str, str], found: Mapping[str, Sequence[str]], described: Sequence[str]
) -> dict[str, str | list[str]]:
    """Label → name, or name and sentences: those `found` with the pictures, then those given.

    Each of `described` is `LABEL=SENTENCE`.

    Raises:
        UsageError: a sentence is for no label, or empty.
    """
    sentences = {label: list(found.get(label, ())) for label in names}
    for text in described:
        label, sentence = _parse(text, option="--describe")
        require_label(label, list(names), option="--describe")
        sentences[label].append(sentence)
    return {
        label: [name, *sentences[label]] if sentences[label] else name
        for label, name in names.items()
    }


def _parse(text: str, *, option: str) -> tuple[str, str]:
    label, equals, name = (part.strip() for part in text.partition("="))
    if not label or (equals and not name) or (not equals and option != "--add-class"):
        example = "LABEL=NAME", "red fox"
        if option == "--describe":
            example = "LABEL=SENTENCE", "small, red, white tail tip"
        raise UsageError(
            f'{option} expects {example[0]}, for example {option} fox="{example[1]}"; got {text!r}'
        )
    return label, name


def require_label(label: str, labels: Sequence[str], *, option: str) -> None:
    """Check that a label given on the command line is one of the classes.

    Raises:
        UsageError: it is not; the message names the nearest label, or all if they are few.
    """
    if label in labels:
        return
    if near := difflib.get_close_matches(label, labels, n=1):
        hint = f"did you mean {near[0]!r}?"
    else:
        more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
        hint = f"the classes are {', '.join(map(repr, labels[:10]))}{more}"
    raise UsageError(f"{option}: there is no class {label!r}; {hint}")


def check_support(counts: Mapping[str, int], names: Mapping[str, str]) -> tuple[str, ...]:
    """What may hurt, as sentences for the user.

    `counts` has the number of pictures of each class that has any, `names` the name of each class;
    it is empty if names are not used.
    """
    warnings = []
    fewest, most = (pick(counts, key=counts.__getitem__, default="") for pick in (min, max))
    if counts and counts[most] >= LOPSIDED * counts[fewest]:
        warnings.append(
            f"{fewest!r} has {counts[fewest]} picture(s) beside {counts[most]} of {most!r}: more "
            f"pictures of {fewest!r} would help most"
        )
    if empty := [label for label, name in names.items() if says_nothing(name)]:
        shown = ", ".join(map(repr, empty[:3])) + (", …" if len(empty) > 3 else "")
        warnings.append(
            f"the encoder cannot picture anything under the name of {len(empty)} class(es) "
            f'({shown}): give names, for example --text {quote(empty[0])}="red fox", or use '
            "--no-text"
        )
    return tuple(warnings)


def says_nothing(name: str) -> bool:
    """Whether a name is a number or a placeholder such as `class 1`."""
    return PLACEHOLDER.fullmatch(name.strip()) is not None
