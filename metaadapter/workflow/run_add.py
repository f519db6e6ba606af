"""Add a class to a stored adapter: all the work of `metaadapter add`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from metaadapter.adapter.config import read_config
from metaadapter.adapter.files import (
    hold_adapter,
    load_adapter,
    require_adapter_folder,
    store_adapter,
)
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.errors import UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.files.hub import is_hub_name
from metaadapter.files.regular_files import given_path, given_places, given_texts
from metaadapter.files.user_code import is_user_code
from metaadapter.workflow.fit_adapter import CUSTOM
from metaadapter.workflow.new_class import add_class, require_addable
from metaadapter.workflow.prediction.queries import load_adapter_encoder
from metaadapter.workflow.prediction.query_parts import read_queries


@dataclass(frozen=True, slots=True)
class Added:
    """An adapter with one more class, the pictures of that class, and the place of the adapter.

    `repeated` lists paths of pictures that the adapter was already predicted from; `name` is `None`
    if the class has only pictures.
    """

    adapter: StoredAdapter
    place: Path
    pictures: EncodedPictures
    name: str | None
    generator: str
    repeated: list[str]

    @property
    def counts(self) -> dict[Any, int]:
        """Label → number of pictures, in the adapter's order."""
        config = self.adapter.config
        return dict(zip(config.classes, config.n_shots, strict=True))


def add(
    adapter: Path | str,
    label: str,
    pictures: Sequence[Path | str] | Path | str = (),
    *,
    name: str | None = None,
    sentences: Sequence[str] | str = (),
    out: Path | str | None = None,
    encoder: str | None = None,
    generator: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
) -> Added:
    """Add a class to an adapter; the vectors and biases of its other classes stay.

    The adapter is of one label a picture. It is replaced as a whole, or not at all.

    Args:
        adapter: The folder or skill file of the adapter.
        label: The label of the new class.
        pictures: Pictures of the class: files, and folders with all their subfolders.
        name: The name of the class; by default the label, if the adapter has names.
        sentences: Sentences that describe the class, in addition to its name.
        out: The place of the new adapter; by default it replaces the old adapter.
        encoder: The adapter's encoder, if the encoder was moved.
        generator: The generator that predicted the adapter, if it was moved or is your own.
        device: The device that encodes.
        precision: The number format that the encoder computes in.

    Raises:
        UsageError: The class exists, has neither pictures nor a name, or cannot be added.
        DataError: The adapter is damaged or cannot be written, or no picture can be read.
        IncompatibleArtifact: The encoder or the generator is not the adapter's.
    """
    adapter, sentences = given_path(adapter), given_texts(sentences)
    place = adapter if out is None else given_path(out)
    if not pictures and name is None:
        raise UsageError(f"{label!r} needs pictures, a name (--text), or both")
    if out is not None or is_hub_name(place):
        require_adapter_folder(place)  # an error here costs less than one after encoding
    read_config(adapter)  # so that no lock is written into a folder that is no adapter
    # Without `out` no second `add` may run meanwhile.
    with hold_adapter(adapter) if out is None else nullcontext():
        stored = load_adapter(adapter, several=True)
        config = stored.config
        if generator is None:  # a saved adapter never makes code run by itself
            generator = CUSTOM if is_user_code(config.generator) else config.generator
        support, _ = require_addable(stored, label, generator)
        if name is None and support.text_TND.any():
            name = label  # as for `adapt`, where a folder's label is its name
        if sentences and name is None:
            raise UsageError(
                "the adapter was made without names, so sentences (--describe) have no name to "
                "describe; give the name of the class (--text) as well"
            )
        load = cache(partial(load_adapter_encoder, adapter, stored, encoder, device, precision))
        sources = given_places(pictures)
        parts = read_queries(sources, config, load)
        added = EncodedPictures.joined(parts, width=config.width)
        grown = add_class(
            stored,
            label,
            unit_rows(added.features),
            [name, *sentences] if name is not None and sentences else name,
            encoder=None if name is None else load(),
            generator=generator,
            picture_hashes=added.sha256,
        )
        store_adapter(place, grown)
    if label not in grown.config.texts:
        name = None  # the encoder reads no texts
    known = {*stored.picture_hashes}
    repeated = [picture.path for picture in added.pictures if picture.sha256 in known]
    return Added(grown, place, added, name, generator, repeated)
