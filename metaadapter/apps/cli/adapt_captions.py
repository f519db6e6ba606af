"""`metaadapter adapt --captions`: pictures with captions into an adapter that orders either."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from metaadapter.apps.cli.console import Console, print_document, quarantined_json

if TYPE_CHECKING:
    from metaadapter.features.device import Precision
    from metaadapter.labs.ranking.pairs import LeftOutPairs
    from metaadapter.workflow.predictions import Proportion


def adapt_captions(
    manifest: Path,
    out: Path,
    *,
    encoder: str,
    zoom: bool | None,
    blocks: tuple[str, ...] | None,
    device: str,
    precision: Precision,
    templates: str | None,
    views: int,
    seed: int,
    split: str | None,
    json_output: bool,
    quiet: bool,
) -> None:
    """Fit pairs of a manifest, keep them, and tell what they alone say of the fit.

    The arguments are the options of `metaadapter adapt`.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.looks import looks_in_words
    from metaadapter.features.prompts import resolve_templates
    from metaadapter.labs.ranking.pairs import estimate_pairs, read_pairs
    from metaadapter.labs.ranking.stored_pairs import store_pairs

    require_adapter_folder(out)
    # A caption is a sentence of its own, unlike a name.
    chosen = resolve_templates(templates or "{}")
    load = partial(
        load_encoder, encoder, zoom=zoom, blocks=blocks, device=device, precision=precision
    )
    with console.progress() as progress:
        stored, pictures = read_pairs(
            manifest,
            load,
            templates=chosen,
            views=views,
            seed=seed,
            split=split,
            progress=progress,
        )
    store_pairs(out, stored)
    console.warn_of_pictures("the", pictures.warnings, pictures.quarantined)
    found, n, origin = estimate_pairs(stored), len(stored.config.captions), stored.config.origin
    n_captions = len({*stored.config.captions})
    if json_output:
        document = {
            "adapter": str(out),
            "n_pairs": n,
            "n_captions": n_captions,
            "templates": stored.config.templates,
            **origin.model_dump(),
            "leave_one_out": {name: each.to_dict() for name, each in _parts(found).items()},
            "warnings": pictures.warnings,
            "quarantined": quarantined_json(pictures.quarantined),
        }
        print_document("adapt-captions", document)
        return
    console.note(
        f"estimate from the {n} pairs, which have {n_captions} different captions, each pair left "
        f"out of the fit: {found.captions_found} of the pictures find their caption, and "
        f"{found.pictures_found} of the captions their picture",
        f"without the adapter: {found.frozen_captions_found}, and {found.frozen_pictures_found}",
    )
    ours = found.captions_found.n_correct + found.pictures_found.n_correct
    if ours < found.frozen_captions_found.n_correct + found.frozen_pictures_found.n_correct:
        console.warn(
            "fewer of the left-out pairs are found than without the adapter: look whether each "
            "caption is of the picture beside it, and give more pairs, for few tell little"
        )
    console.result(
        f"{out}: an adapter that orders captions and pictures, from {n} pairs (encoder "
        f"{origin.encoder}, {origin.n_views} view(s){looks_in_words(origin.zoom, origin.blocks)})"
    )
    console.note(f"next: metaadapter rank {quote(str(out))} PICTURES CAPTIONS.txt")


def _parts(found: LeftOutPairs) -> dict[str, Proportion]:
    return {field.name: getattr(found, field.name) for field in fields(found)}
