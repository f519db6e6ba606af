"""The options of `metaadapter evaluate`, and the parsers of their texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli.outputs import Output
from metaadapter.errors import UsageError

# The keys of a configuration whose values are lists of names.
LISTS = {"stores", "methods", "strangers", "names", "metrics"}

Stores = Annotated[
    list[Path] | None,
    Argument(
        metavar="STORE…",
        help="Feature stores; each is one set. SUPPORT@QUERY is one set of two stores: labelled "
        "pictures are from the first, queries and pools from the second.",
    ),
]
Out = Annotated[
    Path | None, Option("--out", "-o", metavar="RUN", help="Folder of the tables."), Output()
]
Config = Annotated[
    Path | None, Option(metavar="FILE", help="Configuration (.toml); options replace its values.")
]
Methods = Annotated[
    list[str] | None,
    Option(
        metavar="NAME,…",
        help="default, closed-form, finetune[@K], peers, pool-peers, meta-peers, towers, a peer, "
        "a folder or FILE.py:FUNCTION, each with @joint and others.",
        show_default="default,peers",
    ),
]
Shots = Annotated[
    str | None,
    Option(metavar="K,…", help="Labelled pictures of each class.", show_default="1,2,4,8,16"),
]
Seeds = Annotated[int | None, Option(min=1, help="Number of draws.", show_default="5")]
Tasks = Annotated[int | None, Option(min=1, help="Tasks of each draw.", show_default="1")]
Ways = Annotated[int | None, Option(min=2, help="Classes of each task.", show_default="all")]
Queries = Annotated[
    str | None, Option(metavar="N|all", help="Queries of each class.", show_default="all")
]
Several = Annotated[
    bool,
    Option(
        "--several",
        help="The pictures have several labels each, such as fox;snow.",
    ),
]
Changes = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="Another key of the configuration, such as pool=balanced, by_group=true or "
        "continual=pooled. Repeatable.",
    ),
]
Jobs = Annotated[
    int | None, Option(min=1, help="Number of one-thread processes.", show_default="one per core")
]
Device = Annotated[
    str, Option(metavar="NAME", help="Where to calculate: auto, cpu, cuda, cuda:1, ….")
]
Audit = Annotated[
    int,
    Option(
        metavar="N",
        min=0,
        help="Measure N random cells again, and say whether their figures are equal.",
    ),
]
Strict = Annotated[bool, Option("--strict", help="Exit with code 3 if a check fails.")]


def names(texts: list[str] | None) -> list[str] | None:
    """Return the names in a repeated option, which may be separated by commas.

    A generator on the hub gets its commit, so that all processes measure the same one.
    """
    given = [name.strip() for text in texts or () for name in text.split(",")]
    return [_at_its_commit(name) for name in given] or None


def _at_its_commit(name: str) -> str:
    if not name.startswith("hf-hub:") or "@" in name:
        return name
    from metaadapter.generator.pretrained import recorded_name

    return recorded_name(name)


def whole_numbers(text: str | None) -> list[int] | None:
    """Parse the value of --shots."""
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--shots expects whole numbers such as 1,4,16, got {text!r}") from None


def number_or_all(text: str | None) -> int | str | None:
    """Parse the value of --queries."""
    if text is None or text == "all":
        return text
    if not text.isdecimal():
        raise UsageError(f"--queries expects a whole number or all, got {text!r}")
    return int(text)


def apply_changes(given: dict[str, Any], changes: Sequence[str]) -> None:
    """Put the values of `--set` into a configuration; a list may be words between commas."""
    from metaadapter.training.config_file import apply_override

    for change in changes:
        apply_override(given, change)
    for key in LISTS & given.keys():
        if isinstance(given[key], str | int | float):
            given[key] = names([str(given[key])])
