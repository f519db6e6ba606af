"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli.command_guard import MayBeUrl

Encoder = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="tiny, MODEL/WEIGHTS of open_clip, hf-hub:…, a folder or FILE.py:FACTORY. Settings "
        "(zoom, blocks, views, seed, templates, precision, device) follow, as in "
        "tiny,zoom=no,device=cuda:1.",
        show_default="tiny",
    ),
]


def at_its_commit(adapter: Path) -> Path:
    """Fetch an adapter of the hub and name its commit, so that the whole output names it."""
    if not adapter.as_posix().startswith("hf-hub:"):
        return adapter
    from metaadapter.adapter.layout import pinned_adapter
    from metaadapter.apps.cli.console import Console

    pinned = pinned_adapter(adapter)
    if pinned != adapter:
        Console().note(f"{adapter} is now {pinned}")
    return pinned


Adapter = Annotated[
    Path,
    Argument(
        metavar="ADAPTER",
        help="Folder, skill file (NAME.adapter), or hf-hub:ORGANISATION/NAME[@REVISION].",
        callback=at_its_commit,
    ),
]
_PICTURES = Argument(
    metavar="IMAGES", help="Pictures, folders, manifests, feature stores; by path or URL."
)
Pictures = Annotated[list[Path], _PICTURES, MayBeUrl()]
Keep = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="Fraction of pictures of the classes that may not look unfamiliar.",
        show_default="0.95",
    ),
]
Shard = Annotated[
    str | None,
    Option(metavar="I/N", help="The I-th of N parts, for `metaadapter merge`."),
]
Library = Annotated[Path, Argument(metavar="LIBRARY", help="Folder of a library.")]
NewLibrary = Annotated[
    Path, Argument(metavar="LIBRARY", help="Folder of a library; a new one is created.")
]
Entry = Annotated[str, Argument(metavar="NAME", help="Name of an entry.")]
MovedEncoder = Annotated[
    str | None,
    Option(metavar="NAME", help="New place of the adapter's encoder; or device=cuda:1."),
]
EncoderOfLibrary = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Use the entries of this encoder.",
        show_default="encoder of most entries",
    ),
]
Split = Annotated[
    str | None,
    Option(metavar="NAME", help="Read only this split of a source with splits, or `all` splits."),
]
