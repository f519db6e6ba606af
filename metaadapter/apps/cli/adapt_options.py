"""The options that only `metaadapter adapt` has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from metaadapter.apps.cli.exclusions import Excludes, Needs
from metaadapter.apps.cli.outputs import MayBeUrl, Output

# Options that mean nothing together with several labels.
OF_ONE_LABEL = (
    "--names",
    "--unlabelled",
    "--background",
    "--detections",
    "--mode",
    "--inside",
    "--tree",
)

Support = Annotated[
    Path | None,
    Argument(
        metavar="[SUPPORT]",
        help="Labelled pictures: a folder with one folder per class, a manifest, boxes with "
        "labels, tar or Parquet files, or a feature store.",
        show_default=False,
    ),
    MayBeUrl(),
]
Out = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="ADAPTER",
        help="Folder of the adapter, or NAME.adapter for one file.",
    ),
    Output(),
]
Several = Annotated[
    Literal["all", "partial"] | None,
    Option(
        "--several",
        help="Pictures may show several classes or none: fox;snow. partial: further classes may "
        "be shown, and !fox says that there is no fox.",
    ),
    Needs("SUPPORT"),
    Excludes(OF_ONE_LABEL),
]
Names = Annotated[
    str | None,
    Option(
        metavar="NAME,…",
        help="Classes without pictures, in place of SUPPORT or in addition.",
    ),
    Excludes(("--no-text",)),
]
Unlabelled = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Unlabelled pictures of the same kind, in any number.",
    ),
    MayBeUrl(),
]
Background = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Pictures of nothing, such as empty frames; a class without a name.",
    ),
    MayBeUrl(),
]
Detections = Annotated[
    list[Path] | None,
    Option(
        "--detections",
        metavar="BOXES",
        help="Boxes in the labelled pictures and in --unlabelled; if these have a file of their "
        "own, give the option again.",
    ),
]
Tree = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="Parents of the classes: predict answers at the deepest sure name.",
    ),
]
Mode = Annotated[
    Literal["one_shot", "finetune"],
    Option(help="finetune: gradient steps follow, if left-out pictures gain."),
]
Inside = Annotated[
    Literal["bottleneck", "lora"] | None,
    Option(help="First train adapters inside the tower, if left-out pictures gain."),
    Needs("SUPPORT"),
]
Generator = Annotated[
    str,
    Option(
        metavar="NAME",
        help="default, closed-form, elsewhere (new pictures are of another camera or style), a "
        "folder, hf-hub:… or FILE.py:CLASS.",
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="LABEL=NAME", help="Name of a class, if its label says little. Repeatable."),
]
Describe = Annotated[
    list[str] | None,
    Option(
        metavar="LABEL=SENTENCE",
        help="How a class looks, in addition to its name. Repeatable.",
    ),
]
NoText = Annotated[
    bool,
    Option("--no-text", help="Learn only from pictures, not from names."),
    Excludes(("--text", "--describe")),
]
