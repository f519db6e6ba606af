"""`metaadapter encode` of embeddings: a folder of clip-retrieval becomes a feature store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli.console import Console
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.data.table import ImageTable
    from metaadapter.features.store.encode_to_store import EncodeReport

Columns = Annotated[
    str | None,
    Option(
        metavar="PATH[,LABEL]",
        help="Of embeddings: the columns of paths and classes.",
        show_default="image_path,label",
    ),
]
# The options that embeddings cannot follow.
OF_PICTURES = ("split", "shard", "drop_duplicates", "detections", "pictures")


def encode_embeddings(
    values: Mapping[str, Any], console: Console
) -> tuple[ImageTable, EncodeReport] | None:
    """Make the store if the input is a folder of embeddings; `values` are the command's options."""
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.features.store.embedding_folder import EmbeddingFolder, is_embedding_folder

    images: Path = values["images"]
    if not is_embedding_folder(images):
        if values["columns"] is not None:
            raise UsageError(
                f"--columns names columns of embeddings, but {images} is no folder with img_emb "
                "and metadata"
            )
        return None
    choice = read_encoder(values["encoder"])
    given = [f"--{name.replace('_', '-')}" for name in OF_PICTURES if values[name]]
    looks = (choice.zoom or False, choice.blocks or ("joint",), choice.views or 1)
    if given or looks != (False, ("joint",), 1):
        raise UsageError(
            f"{', '.join(given) or 'a look of --encoder'} needs pictures, but {images} has "
            "embeddings of whole pictures; leave it out"
        )
    path, _, label = (values["columns"] or "").partition(",")
    from metaadapter.data.table import ImageTable
    from metaadapter.features.store.embeddings_to_store import embeddings_to_store

    folder = EmbeddingFolder.open(images)
    encoder = choice.loader(choice.name, templates=choice.templates, zoom=False, blocks=("joint",))
    with console.progress():
        report, warnings = embeddings_to_store(
            folder,
            encoder,
            values["out"],
            path_column=path or None,
            label_column=label or None,
            labelled=values["labels"],
        )
    return ImageTable((), "embeddings of clip-retrieval", tuple(warnings)), report
