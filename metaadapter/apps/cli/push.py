"""`metaadapter push`: publish an adapter, skill files or a generator on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console

Artifact = Annotated[
    Path,
    Argument(
        metavar="ARTIFACT",
        help="Folder of an adapter, skill file, library or other folder of skill files, or folder "
        "of a generator.",
    ),
]
Repository = Annotated[
    str,
    Argument(
        metavar="ORGANISATION/NAME",
        help="Repository of the Hugging Face hub; a new one is created.",
    ),
]
Private = Annotated[
    bool, Option("--private", help="Create a private repository; an old one must be private.")
]
License = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Licence, as the hub names it: cc-by-4.0, apache-2.0, …",
        show_default="as the card says",
    ),
]


def push(
    artifact: Artifact,
    repository: Repository,
    private: Private = False,
    license: License = None,
    features: options.Features = True,
) -> None:
    """Publish an adapter or a generator on the hub, for others.

    All files and a card are written in one commit. Pictures and paths of this machine are never
    published. Others use it as hf-hub:ORGANISATION/NAME. Log in before: `hf auth login`.
    """
    console = Console()
    from metaadapter.workflow.run_push import push as push_artifact

    pushed = push_artifact(
        artifact, repository, private=private, license=license, features=features
    )
    document = {
        "artifact": str(artifact),
        "repository": pushed.name.repository,
        "commit": pushed.name.revision,
        "name": str(pushed.name),
        "url": pushed.url,
        "private": pushed.is_private,
        "files": list(pushed.files),
    }
    console.show_result(
        "push",
        document,
        f"{pushed.url}: {', '.join(pushed.files)}",
        notes=[f"this very version is {pushed.name}"],
    )
