"""Load encoders by name: models of open_clip, and encoders in users' Python files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.features.blocks import default_blocks
from metaadapter.features.device import Precision
from metaadapter.features.encoders.encoder_source import SALIENT, resolve_encoder
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.user_code import explain, is_user_code, load_user_code


def load_encoder(
    name: str,
    *,
    device: str | None = None,
    precision: Precision = "fp32",
    templates: str | Sequence[str] | None = None,
    zoom: bool | None = None,
    blocks: Sequence[str] | None = None,
    remembered_by: str | None = None,
) -> ImageEncoder:
    """Load an encoder by its name.

    Args:
        name: A name for `FrozenEncoder.load`; or FILE.py:FACTORY, a function or class in a Python
            file that is called without arguments and returns an `ImageEncoder`. The file is run.
            With "salient:" before it, a `SalientEncoder` of that encoder, by default without the
            blocks that describe the place of a frame.
        device: As for `FrozenEncoder.load`. An encoder in a Python file sets all options itself.
        precision: The number format of the calculation.
        templates: The sentences that class names are put into.
        zoom: Whether to encode the middle of each picture as well; the encoder's default if None.
        blocks: The names of the blocks of features; the encoder's default if None.
        remembered_by: The artifact that the name was read from, as in "the adapter birds/"; None if
            the user gave the name. Code that only an artifact names is never run.

    Raises:
        UsageError: There is no such encoder, device, precision, template or block; the file cannot
            be run or returns something else; or an artifact names a Python file.
        DataError: The weights are not on this machine and cannot be downloaded.
        IncompatibleArtifact: The weights do not fit the architecture.
    """
    if name.startswith(SALIENT):
        from metaadapter.features.encoders.salient_encoder import SalientEncoder

        inner, names = name.removeprefix(SALIENT), None if blocks is None else tuple(blocks)
        encoder = load_encoder(
            inner,
            device=device,
            precision=precision,
            templates=templates,
            zoom=zoom,
            blocks=default_blocks(names, inner, is_camera_trap=True),
            remembered_by=remembered_by,
        )
        return SalientEncoder(encoder)
    if not is_user_code(name):
        if remembered_by is not None:
            _require_known(name, remembered_by)
        return FrozenEncoder.load(
            name,
            device=device,
            precision=precision,
            templates=templates,
            zoom=True if zoom is None else zoom,
            blocks=blocks,
        )
    if remembered_by is not None:
        raise UsageError(
            f"{remembered_by} was made with the encoder {name}, which is program code, and code "
            f"runs only if you name it: if you trust that file, give --encoder {name}"
        )
    if device not in (None, "auto") or precision != "fp32" or templates is not None:
        raise UsageError(
            f"the encoder {name} sets device, precision and templates itself; leave these options "
            "out"
        )
    file, _, factory = name.rpartition(":")
    encoder = _call(f"{Path(file).resolve()}:{factory}")
    if zoom not in (None, encoder.zoom):
        raise UsageError(
            f"the encoder {name} {'has' if encoder.zoom else 'has no'} zoom and sets that itself; "
            "leave the option out, or change the file"
        )
    names = tuple(encoder.look_blocks) or ("joint",)
    if blocks is not None and names != tuple(blocks):
        raise UsageError(
            f"the encoder {name} has the blocks {','.join(names)} and sets them itself; leave the "
            "option out, or change the file"
        )
    return encoder


def _require_known(name: str, remembered_by: str) -> None:
    try:
        resolve_encoder(name)
    except UsageError as error:
        raise UsageError(
            f"{remembered_by} was made with the encoder {name!r}, and {error}. If the encoder was "
            "moved, give its new path with --encoder; if the features come from elsewhere, give a "
            "feature store instead of pictures and names"
        ) from error


def _call(name: str) -> ImageEncoder:
    factory = load_user_code(name, kind="encoder")
    try:
        encoder = factory()
    except MetaAdapterError:
        raise
    except Exception as error:
        if is_shortage(error):
            raise
        raise UsageError(f"the encoder {name} cannot be made: {explain(error)}") from error
    if not isinstance(encoder, ImageEncoder):
        raise UsageError(
            f"the encoder {name} should return an ImageEncoder, such as a ModelEncoder; it "
            f"returned {type(encoder).__module__}.{type(encoder).__qualname__}"
        )
    if missing := [part for part in ("fingerprint", "preprocess") if not hasattr(encoder, part)]:
        raise UsageError(f"the encoder {name} lacks {' and '.join(missing)}; see ImageEncoder")
    # Stores and adapters record the name that the user types.
    encoder.name = name
    encoder.fingerprint = replace(encoder.fingerprint, encoder=name)
    return encoder
