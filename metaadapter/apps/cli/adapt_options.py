"""The options of `metaadapter adapt`, beside those that other commands have too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from metaadapter.errors import DataError, UsageError

# CoOp uses as many, and no name needs more.
MOST_VECTORS = 16

Support = Annotated[
    Path | None,
    Argument(
        metavar="[SUPPORT]",
        help="Labelled pictures: a folder with one folder per class, a manifest (.csv, .jsonl, "
        ".parquet), a CoOp split (.json), or a feature store made by `metaadapter encode`. Not "
        "given with --names.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="ADAPTER",
        help="Folder of the adapter, or NAME.adapter for a skill file.",
    ),
]
Captions = Annotated[
    bool,
    Option(
        "--captions",
        help="SUPPORT is a manifest with a caption for each picture, in a column `caption`: "
        "make an adapter that orders captions for pictures, and pictures for captions.",
    ),
]
Names = Annotated[
    str | None,
    Option(
        metavar="NAME,…",
        help="Classes by their names alone, without any labelled picture, in place of SUPPORT.",
    ),
]
Unlabelled = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Unlabelled pictures of the same kind, in any number: a folder, a manifest or a "
        "feature store. They help most at one to four pictures a class.",
    ),
]
Background = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Pictures of nothing of interest, such as empty frames: a class `background` that "
        "needs no name.",
    ),
]
Mode = Annotated[
    Literal["one_shot", "finetune"],
    Option(
        help="one_shot: one forward pass of the generator, no gradients. finetune: gradient "
        "steps from there, as many as pictures left out of the support confirm, or none."
    ),
]
Inside = Annotated[
    Literal["image"] | None,
    Option(
        help="Train adapters inside this tower of the encoder, in minutes, before the adapter is "
        "predicted; kept if pictures that are left out of the training confirm a gain. For about "
        "16 pictures a class, where new pictures come from the same source as these."
    ),
]
Kind = Annotated[
    Literal["bottleneck", "lora"] | None,
    Option(
        help="With --inside: what is trained. bottleneck: a narrow layer beside the output of each "
        "block. lora: a product of two narrow matrices beside each weight of a block.",
        show_default="bottleneck",
    ),
]
Prompt = Annotated[
    int | None,
    Option(
        min=1,
        max=MOST_VECTORS,
        metavar="N",
        help="Learn N vectors that precede the names of classes without a picture, now and in "
        "`metaadapter add`, from the classes with pictures; kept if classes that are left out "
        "confirm a gain. 4 is usual.",
    ),
]
Generator = Annotated[
    str,
    Option(
        metavar="NAME",
        help="default, closed-form (untrained), a folder, or FILE.py:CLASS, one of your own.",
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="LABEL=NAME", help="Name of a class, where its folder says too little. Repeat."),
]
AddClass = Annotated[
    list[str] | None,
    Option(metavar="LABEL[=NAME]", help="A class without pictures, known by its name. Repeat."),
]
Describe = Annotated[
    list[str] | None,
    Option(
        metavar="LABEL=SENTENCE",
        help="What a class looks like, beside its name; it counts as far as the pictures support "
        "it. Also a column `description` of a manifest, or lines of a file class.txt in the "
        "folder of the class. Repeat.",
    ),
]
NoText = Annotated[bool, Option("--no-text", help="Learn from the pictures alone, not from names.")]
Shots = Annotated[
    int | None,
    Option(min=1, help="Use K pictures of each class, drawn by --seed; nested in K + 1."),
]

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
    """Option → value, of the parameters of the command that differ from their default."""
    named = {f"--{name.replace('_', '-')}": value for name, value in values.items()}
    named["SUPPORT"] = named.pop("--support")
    return {
        option: value
        for option, value in named.items()
        if value is not None and value is not False and value != DEFAULTS.get(option)
    }


def require_together(given: Mapping[str, Any]) -> None:
    """Raise an error if an option excludes another, needs a missing one, or names no file."""
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
