"""The names of the classes of a task, as a user gives them, and what may be wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import TypeAlias

from metaadapter.errors import UsageError

Texts: TypeAlias = Mapping[str, str | list[str]]
"""Label → name, or [name, sentence, …]."""
LOPSIDED = 10  # times as many pictures in the largest class as in the smallest
# Names that nobody chose: "3", "class_07", "New folder (2)".
PLACEHOLDER = re.compile(
    r"((class|category|label|group|folder|new folder|untitled)?[\W_]*\d*\W*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of classes, where the labels of the pictures do not serve as names."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Label → name, for classes with pictures."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Label → name, for classes without pictures."""
    sentences: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def parsed(
        cls, texts: Iterable[str], added: Iterable[str], described: Iterable[str]
    ) -> ClassNames:
        """Parse LABEL=NAME, LABEL or LABEL=NAME, and LABEL=SENTENCE from the command line."""
        new: dict[str, str] = {}
        for label, name in (_parse(text, option="--add-class") for text in added):
            if label in new:
                raise _exists_already(label)
            new[label] = name or label
        sentences: dict[str, list[str]] = {}
        for label, sentence in (_parse(text, option="--describe") for text in described):
            sentences.setdefault(label, []).append(sentence)
        return cls(dict(_parse(text, option="--text") for text in texts), new, sentences)

    @property
    def are_given(self) -> bool:
        """Whether any name or sentence is given."""
        return bool(self.texts or self.added or self.sentences)

    def of(
        self, labels: Iterable[str], descriptions: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, str | list[str]]:
        """Label → name, or [name, sentence, …], of all classes; a label is its default name."""
        names = {label: label for label in labels}
        for label, name in self.texts.items():
            require_label(label, list(names), option="--text")
            names[label] = name
        for label, name in self.added.items():
            if label in names:
                raise _exists_already(label)
            names[label] = name
        for label in self.sentences:
            require_label(label, list(names), option="--describe")
        texts: dict[str, str | list[str]] = {}
        for label, name in names.items():
            sentences = [*(descriptions or {}).get(label, ()), *self.sentences.get(label, ())]
            texts[label] = [name, *sentences] if sentences else name
        return texts


def _exists_already(label: str) -> UsageError:
    return UsageError(
        f"--add-class adds a class without pictures, but {label!r} is a class already; "
        f"to change its name: --text {label}=NAME"
    )


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
    """Raise a `UsageError`, which names the nearest label, unless `label` is one of the classes."""
    if label in labels:
        return
    if near := difflib.get_close_matches(label, labels, n=1):
        hint = f"did you mean {near[0]!r}?"
    else:
        more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
        hint = f"the classes are {', '.join(map(repr, labels[:10]))}{more}"
    raise UsageError(f"{option}: there is no class {label!r}; {hint}")


def class_warnings(counts: Mapping[str, int], texts: Texts) -> tuple[str, ...]:
    """Sentences on classes that are likely to be predicted badly; `counts` is label → pictures."""
    warnings = []
    fewest, most = (pick(counts, key=counts.__getitem__, default="") for pick in (min, max))
    if counts and counts[most] >= LOPSIDED * counts[fewest]:
        warnings.append(
            f"{fewest!r} has {counts[fewest]} picture(s), and {most!r} has {counts[most]}: more "
            f"pictures of {fewest!r} would help most"
        )
    names = {label: text if isinstance(text, str) else text[0] for label, text in texts.items()}
    if empty := [label for label, name in names.items() if says_nothing(name)]:
        shown = ", ".join(map(repr, empty[:3])) + (", …" if len(empty) > 3 else "")
        warnings.append(
            f"the names of {len(empty)} class(es) mean nothing to the encoder ({shown}): give "
            f'names, for example --text {quote(empty[0])}="red fox", or use --no-text'
        )
    return tuple(warnings)


def says_nothing(name: str) -> bool:
    """Whether a name is a number or a placeholder such as `class 1`."""
    return PLACEHOLDER.fullmatch(name.strip()) is not None
