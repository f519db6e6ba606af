"""Options of `metaadapter adapt` that exclude or need one another, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError, UsageError

# Options that mean nothing beside another one.
EXCLUDED = {
    "--no-text": ("--text", "--add-class", "--describe", "--templates"),
    "--names": ("--no-text", "--shots", "--split", "--detections", "--inside"),
}
# Options that mean nothing beside --captions, for they are about classes.
OF_CLASSES = (
    *("--names", "--unlabelled", "--background", "--detections", "--mode", "--text", "--generator"),
    *("--add-class", "--describe", "--no-text", "--shots", "--inside", "--kind", "--prompt"),
    "--min-confidence",
)
DEFAULTS = {"--mode": "one_shot", "--generator": "default", "--min-confidence": 0.2}
PICTURES = ("SUPPORT", "--unlabelled", "--background")


def given_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Option → value, of the parameters of the command that differ from their default.

    Args:
        values: Parameter → value.
    """
    named = {f"--{name.replace('_', '-')}": value for name, value in values.items()}
    named["SUPPORT"] = named.pop("--support")
    return {
        option: value
        for option, value in named.items()
        if value is not None and value is not False and value != DEFAULTS.get(option)
    }


def require_together(given: Mapping[str, Any]) -> None:
    """Check the options of an adapter of classes; `given` is that of `given_options`.

    Raises:
        UsageError: An option excludes another one, or needs one that is missing.
        DataError: A source does not exist.
    """
    for option, others in EXCLUDED.items():
        wrong = [other for other in others if other in given]
        if option in given and wrong:
            excluded = f"{', '.join(others[:-1])} or {others[-1]}"
            raise UsageError(f"{option} excludes {excluded}: leave {wrong[0]} out")
    if ("SUPPORT" in given) == ("--names" in given):
        raise UsageError(
            "give labelled pictures (SUPPORT), or classes by their names alone (--names fox,lynx); "
            "a class by its name beside labelled pictures is --add-class"
        )
    if "--kind" in given and "--inside" not in given:
        raise UsageError(
            "--kind says what --inside trains, and --inside was not given: add --inside image"
        )
    for name in PICTURES[1:]:
        if name in given and not given[name].exists():
            raise DataError(f"{name} {given[name]}: there is no such file or folder")
    if "--inside" in given:
        _require_for_inside(given)
    if "--prompt" in given:
        _require_for_prompt(given)


def require_manifest(given: Mapping[str, Any]) -> Path:
    """The manifest of `--captions`; a `UsageError` without one, or beside an option of classes."""
    if of_classes := [option for option in OF_CLASSES if option in given]:
        raise UsageError(
            f"--captions makes no classes, so it excludes {', '.join(of_classes)}; leave "
            f"{'it' if len(of_classes) == 1 else 'them'} out"
        )
    if "SUPPORT" not in given:
        raise UsageError("--captions needs a manifest with the columns path and caption (SUPPORT)")
    manifest: Path = given["SUPPORT"]
    return manifest


def class_list(names: str | None) -> list[str]:
    """The classes of `--names`; a `UsageError` if one occurs twice."""
    classes = [name.strip() for name in (names or "").split(",") if name.strip()]
    if repeated := {name for name in classes if classes.count(name) > 1}:
        raise UsageError(f"--names has {', '.join(map(repr, sorted(repeated)))} more than once")
    return classes


def _require_for_inside(given: Mapping[str, Any]) -> None:
    from metaadapter.data.user_code import is_user_code
    from metaadapter.features.encoded_pictures import is_store

    for name in PICTURES:
        if name in given and is_store(given[name]):
            raise UsageError(
                f"{name} {given[name]} is a feature store, and --inside changes the features: "
                "give the pictures"
            )
    if is_user_code(encoder := given.get("--encoder", "")):
        raise UsageError(
            f"--inside trains adapters inside the models of open_clip, and the encoder {encoder} "
            "is of your own; leave --inside out, or name another encoder"
        )
    if (precision := given["--precision"]) != "fp32":
        raise UsageError(
            f"--inside trains in fp32, and --precision {precision} was given: leave it out; "
            "predict takes any precision"
        )


def _require_for_prompt(given: Mapping[str, Any]) -> None:
    from metaadapter.data.user_code import is_user_code

    if "--no-text" in given:
        raise UsageError("--prompt is about the names of classes, and --no-text leaves these out")
    if "--names" in given:
        raise UsageError("--prompt is learned from labelled pictures, and --names has none")
    if is_user_code(encoder := given.get("--encoder", "")):
        raise UsageError(
            f"--prompt learns vectors for a text tower of open_clip, and the encoder {encoder} is "
            "of your own; leave --prompt out, or name another encoder"
        )
