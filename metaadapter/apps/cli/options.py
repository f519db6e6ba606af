"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from metaadapter.apps.cli.outputs import MayBeUrl

_ENCODER_HELP = (
    "Frozen encoder: tiny (embedded, needs no network), MODEL/WEIGHTS as open_clip names them, for "
    "example ViT-B-32/laion2b_s34b_b79k, hf-hub:ORGANISATION/MODEL, timm:MODEL, a folder, or "
    "FILE.py:FACTORY for your own code. Append +text:NAME for the text tower of another encoder, "
    "and +timm:MODEL for a second image tower, as in tiny+timm:vit_small_patch14_dinov2."
)
_VIEWS_HELP = "Average the features of this many views: the picture, then random crops."
_ZOOM_HELP = (
    "Encode two looks at each picture: the whole, and a zoom on its middle. More accurate on most "
    "sets; --no-zoom takes half the time."
)

Encoder = Annotated[str, Option(metavar="NAME", help=_ENCODER_HELP)]
Views = Annotated[int, Option(min=1, help=_VIEWS_HELP)]
# For commands that also take feature stores, which record their encoder and views.
EncoderOfPictures = Annotated[
    str | None, Option(metavar="NAME", help=_ENCODER_HELP, show_default="tiny")
]
ViewsOfPictures = Annotated[int | None, Option(min=1, help=_VIEWS_HELP, show_default="1")]
Zoom = Annotated[
    bool | None, Option("--zoom/--no-zoom", help=_ZOOM_HELP, show_default="set by the encoder")
]
Blocks = Annotated[
    str | None,
    Option(
        "--blocks",
        metavar="NAMES",
        help="Blocks of the features: joint (the space of names, always included), trunk (before "
        "the projection), stages (statistics of four stages), second (the second image tower); as "
        "in joint,stages. The default for boxes and frames of camera traps is joint.",
        show_default="set by the encoder",
    ),
]


def at_its_commit(context: Any, adapter: Path) -> Path:
    """Fetch an adapter of the hub and name its commit, so that the whole output names it."""
    if not adapter.as_posix().startswith("hf-hub:"):
        return adapter
    from metaadapter.adapter.layout import pinned_adapter
    from metaadapter.apps.cli.console import Console

    pinned = pinned_adapter(adapter)
    if pinned != adapter:
        Console(quiet=bool(context.params.get("quiet"))).note(f"{adapter} is now {pinned}")
    return pinned


Adapter = Annotated[
    Path,
    Argument(
        metavar="ADAPTER",
        help="Folder or skill file (NAME.adapter) written by `metaadapter adapt`, or on the hub "
        "hf-hub:ORGANISATION/NAME[@REVISION].",
        callback=at_its_commit,
    ),
]
Features = Annotated[
    bool,
    Option(
        "--features/--no-features",
        help="Include the features of the labelled pictures. Without them the file is smaller and "
        "no class can be added; the weights still hold what they learned from the pictures.",
    ),
]
_PICTURES = Argument(
    metavar="IMAGES",
    help="Pictures, folders (with their subfolders), manifests, feature stores; pictures also by "
    "URL, such as s3://bucket/photos.",
)
Pictures = Annotated[list[Path], _PICTURES, MayBeUrl()]
AnyPictures = Annotated[list[Path] | None, _PICTURES, MayBeUrl()]
Keep = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="Fraction of pictures of the classes that must not look unfamiliar, 0.5 to 0.99. With "
        "a higher fraction, more unknown pictures pass too.",
        show_default="0.95",
    ),
]
Library = Annotated[Path, Argument(metavar="LIBRARY", help="Folder of a library.")]
NewLibrary = Annotated[
    Path, Argument(metavar="LIBRARY", help="Folder of a library; a new one is created.")
]
Entry = Annotated[str, Argument(metavar="NAME", help="Name of an entry.")]
MovedEncoder = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="New place of the adapter's encoder, if it was moved; it must be the same encoder.",
    ),
]
EncoderOfLibrary = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Use the entries of this encoder, which may have been moved.",
        show_default="encoder of most entries",
    ),
]
Seed = Annotated[int, Option(min=0, help="Seed of all random draws.")]
Device = Annotated[
    str, Option(metavar="NAME", help="Where to encode: auto, cpu, cuda, cuda:1, mps, …")
]
Precision = Annotated[Literal["fp32", "bf16", "fp16"], Option(help="Number format of the encoder.")]
Split = Annotated[
    str | None,
    Option(metavar="NAME", help="Read only this split of a source with splits, or `all` splits."),
]
Templates = Annotated[
    list[str] | None,
    Option(
        metavar="SET",
        help="Prompts for class names: the name of a set, or one prompt with {}. Repeatable; the "
        "prompts add up.",
    ),
]
CsvRaw = Annotated[
    bool,
    Option(
        "--csv-raw",
        help="Write names in tables unchanged, for other programs: without the apostrophe that "
        "keeps a spreadsheet from reading a name as a formula.",
    ),
]
Json = Annotated[bool, Option("--json", help="Print the result as one JSON document on stdout.")]
# Eager, so that the callback of `Adapter` knows it.
Quiet = Annotated[
    bool, Option("--quiet", "-q", is_eager=True, help="Print no notes and no progress bar.")
]
