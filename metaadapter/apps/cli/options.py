"""Arguments and options that several commands have, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

_ENCODER_HELP = (
    "Frozen encoder: tiny (embedded, needs no network), MODEL/WEIGHTS as open_clip names them, for "
    "example ViT-B-32/laion2b_s34b_b79k, a folder, or FILE.py:FACTORY, one of your own. "
    "+timm:MODEL behind it adds a second image tower, as in tiny+timm:vit_small_patch14_dinov2."
)
_VIEWS_HELP = "Views of each picture to average: itself, then random crops."
_ZOOM_HELP = (
    "Look at each picture twice: the whole of it, and a zoom on its middle. Better in most sets; "
    "--no-zoom takes half the time."
)

Encoder = Annotated[str, Option(metavar="NAME", help=_ENCODER_HELP)]
Views = Annotated[int, Option(min=1, help=_VIEWS_HELP)]
# For commands that also take feature stores, which have an encoder and views of their own.
EncoderOfPictures = Annotated[
    str | None, Option(metavar="NAME", help=_ENCODER_HELP, show_default="tiny")
]
ViewsOfPictures = Annotated[int | None, Option(min=1, help=_VIEWS_HELP, show_default="1")]
Zoom = Annotated[
    bool | None, Option("--zoom/--no-zoom", help=_ZOOM_HELP, show_default="as the encoder does")
]
Blocks = Annotated[
    str | None,
    Option(
        "--blocks",
        metavar="NAMES",
        help="Features of each picture, side by side: joint (in the space of names, always there), "
        "trunk (before its projection), stages (statistics of four stages), second (of the second "
        "image tower); as in joint,stages.",
        show_default="as the encoder does",
    ),
]
Adapter = Annotated[
    Path,
    Argument(
        metavar="ADAPTER",
        help="Folder or skill file (NAME.adapter) written by `metaadapter adapt`.",
    ),
]
_PICTURES = Argument(
    metavar="IMAGES",
    help="Pictures, folders (with all folders in them), manifests, feature stores.",
)
Pictures = Annotated[list[Path], _PICTURES]
AnyPictures = Annotated[list[Path] | None, _PICTURES]
Keep = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="Fraction of pictures of the classes that are not to look unfamiliar, 0.5 to 0.99: "
        "the higher, the more others pass.",
        show_default="0.95",
    ),
]
Library = Annotated[Path, Argument(metavar="LIBRARY", help="Folder of a library.")]
NewLibrary = Annotated[
    Path, Argument(metavar="LIBRARY", help="Folder of a library, or a new one that becomes one.")
]
Entry = Annotated[str, Argument(metavar="NAME", help="Name of an entry.")]
MovedEncoder = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Where the adapter's encoder is now, if it was moved; it must be the same one.",
    ),
]
EncoderOfLibrary = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="The encoder of the entries to ask, also if it was moved.",
        show_default="that of most entries",
    ),
]
Seed = Annotated[int, Option(min=0, help="Seed of all that is drawn.")]
Device = Annotated[
    str, Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps, …: where to encode.")
]
Precision = Annotated[
    Literal["fp32", "bf16", "fp16"], Option(help="Number format that the encoder computes in.")
]
Split = Annotated[
    str | None,
    Option(metavar="NAME", help="Of a source divided into splits, read this one only; or all."),
]
Templates = Annotated[
    str | None,
    Option(
        metavar="SET",
        help="Prompts that class names are put into: the name of a set, or one prompt with {}.",
    ),
]
CsvRaw = Annotated[
    bool,
    Option(
        "--csv-raw",
        help="Names in tables as they are, for programs: without the apostrophe that keeps a "
        "spreadsheet from taking one for a formula.",
    ),
]


def block_names(text: str | None) -> tuple[str, ...] | None:
    """The names in the value of `--blocks`; `None` where it is left out."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


Json = Annotated[bool, Option("--json", help="Print the result as one JSON document on stdout.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Neither notes nor a progress bar.")]
