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

PathColumn = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Of embeddings: the column of paths in metadata.",
        show_default="image_path",
    ),
]
LabelColumn = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="Of embeddings: the column of classes in metadata.",
        show_default="label, if there is one",
    ),
]
# The options that embeddings cannot follow, with the values that change nothing.
OF_PICTURES = {
    "zoom": (None, False),
    "blocks": (None, "joint"),
    "views": (1,),
    "split": (None, "all"),
    "names": (None,),
    "shard": (None,),
    "drop_duplicates": (False,),
    "detections": (None,),
    "pictures": (None,),
    "engine": (None,),
}
OF_EMBEDDINGS = ("path_column", "label_column")


def encode_embeddings(
    values: Mapping[str, Any], console: Console
) -> tuple[ImageTable, EncodeReport] | None:
    """Make the store if the input is a folder of embeddings; `values` are the command's options."""
    from metaadapter.features.store.embedding_folder import EmbeddingFolder, is_embedding_folder

    images: Path = values["images"]
    if not is_embedding_folder(images):
        if given := [name for name in OF_EMBEDDINGS if values[name] is not None]:
            raise UsageError(
                f"{_option(given[0])} names a column of embeddings, but {images} is no folder with "
                "img_emb and metadata"
            )
        return None
    for name, harmless in OF_PICTURES.items():
        if values[name] not in harmless:
            raise UsageError(
                f"{_option(name)} needs pictures, but {images} has embeddings of whole pictures; "
                "leave the option out"
            )
    from metaadapter.data.table import ImageTable
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.store.embeddings_to_store import embeddings_to_store

    folder = EmbeddingFolder.open(images)
    encoder = load_encoder(
        values["encoder"],
        device=values["device"],
        precision=values["precision"],
        templates=values["templates"],
        zoom=False,
        blocks=("joint",),
    )
    with console.progress() as progress:
        report, warnings = embeddings_to_store(
            folder,
            encoder,
            values["out"],
            path_column=values["path_column"],
            label_column=values["label_column"],
            labelled=values["labels"],
            progress=progress,
        )
    return ImageTable((), "embeddings of clip-retrieval", tuple(warnings)), report


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
