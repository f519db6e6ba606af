"""Which options of `metaadapter adapt` go together: told before anything is loaded or encoded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from metaadapter.apps.cli.adapt_inside import require_for_inside
from metaadapter.apps.cli.adapt_prompt import require_for_prompt
from metaadapter.errors import DataError, UsageError

# What makes no sense beside an option, whatever else is given.
EXCLUDED = {
    "--no-text": ("--text", "--add-class", "--describe", "--templates"),
    "--names": ("--no-text", "--shots", "--split", "--detections", "--inside"),
}
# --captions takes them, and all that has to do with classes is left out beside it.
OF_CAPTIONS = {"SUPPORT", "--encoder", "--split", "--templates", "--precision"}


def require_together(
    given: Mapping[str, object],
    *,
    sources: Mapping[str, Path | None],
    encoder: str | None,
    precision: str,
) -> None:
    """Check the options of an adapter of classes.

    Args:
        given: Option → what was given for it; false where nothing was, or the default.
        sources: What each source of pictures is called, and where it is.
        encoder: The name of the encoder, if one was given.
        precision: The number format that the encoder computes in.

    Raises:
        UsageError: Two options do not go together, or one needs another.
        DataError: There is no such source.
    """
    for option, others in EXCLUDED.items():
        wrong = [other for other in others if given[other]]
        if given[option] and wrong:
            every = f"{', '.join(others[:-1])} and {others[-1]}"
            raise UsageError(f"{option} goes with none of {every}: leave {wrong[0]} out")
    if bool(given["SUPPORT"]) == bool(given["--names"]):
        raise UsageError(
            "give labelled pictures (SUPPORT), or classes by their names alone (--names fox,lynx); "
            "a class by its name beside labelled pictures is --add-class"
        )
    if given["--kind"] and not given["--inside"]:
        raise UsageError(
            "--kind says what --inside trains, and --inside was not given: add --inside image"
        )
    for name, source in sources.items():
        if name != "SUPPORT" and source is not None and not source.exists():
            raise DataError(f"{name} {source}: there is no such file or folder")
    if given["--inside"]:
        require_for_inside(sources.items(), encoder, precision)
    if given["--prompt"]:
        no_text, names = bool(given["--no-text"]), bool(given["--names"])
        require_for_prompt(no_text=no_text, names=names, encoder=encoder)


def manifest_alone(support: Path | None, given: Mapping[str, object]) -> Path:
    """The manifest of `--captions`, beside which nothing of classes may be given.

    `given` is that of `require_together`.

    Raises:
        UsageError: An option of classes was given, or no manifest.
    """
    if of_classes := [name for name, value in given.items() if value and name not in OF_CAPTIONS]:
        raise UsageError(
            f"--captions makes no classes, so {', '.join(of_classes)} cannot go with it; leave "
            f"{'it' if len(of_classes) == 1 else 'them'} out"
        )
    if support is None:
        raise UsageError("--captions needs a manifest with the columns path and caption (SUPPORT)")
    return support


def names_alone(names: str | None) -> list[str]:
    """The classes of `--names`; a `UsageError` if one is there twice."""
    alone = [] if names is None else [name.strip() for name in names.split(",") if name.strip()]
    if repeated := {each for each in alone if alone.count(each) > 1}:
        raise UsageError(f"--names has {', '.join(map(repr, sorted(repeated)))} more than once")
    return alone
