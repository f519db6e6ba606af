"""`metaadapter captions`: turn pairs into an adapter that orders captions and pictures."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

from metaadapter.apps.cli import options
from metaadapter.apps.cli.adapt import Out
from metaadapter.apps.cli.console import Console, print_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaadapter.labs.ranking.pairs import StoredPairs


def captions(
    manifest: Annotated[
        Path,
        Argument(
            metavar="MANIFEST",
            help="Pictures with a caption each: a manifest with the columns path and caption.",
        ),
    ],
    *,
    out: Out,
    encoder: options.Encoder = None,
    split: options.Split = None,
) -> None:
    """Make an adapter that orders captions for pictures, and pictures for captions.

    `metaadapter rank` uses it.
    """
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.features.prompts import resolve_templates
    from metaadapter.labs.ranking.pairs import read_pairs, store_pairs

    console = Console()
    require_adapter_folder(out)  # fail here, not after minutes of encoding
    choice = read_encoder(encoder)
    with console.progress():
        stored, pictures = read_pairs(
            manifest,
            partial(choice.loader, choice.name, zoom=choice.zoom, blocks=choice.blocks),
            templates=resolve_templates(choice.templates, "{}"),  # a caption is a whole sentence
            views=choice.views or 1,
            seed=choice.seed,
            split=split,
        )
    store_pairs(out, stored)
    about = console.warn_of_pictures("the", pictures.warnings, pictures.quarantined)
    _show(console, out, stored, about)


def _show(console: Console, out: Path, stored: StoredPairs, about: Mapping[str, Any]) -> None:
    from metaadapter.features.views import looks_in_words
    from metaadapter.labs.ranking.pairs import estimate_pairs

    estimate, n, origin = estimate_pairs(stored), len(stored.config.captions), stored.config.origin
    n_captions = len({*stored.config.captions})
    if console.json_output:
        document = {
            "adapter": str(out),
            "n_pairs": n,
            "n_captions": n_captions,
            "templates": stored.config.templates,
            **origin.model_dump(),
            "leave_one_out": {
                field.name: getattr(estimate, field.name).to_dict() for field in fields(estimate)
            },
            **about,
        }
        print_document("adapt-captions", document)
        return
    console.note(
        f"estimate from the {n} pairs, which have {n_captions} different captions, with each pair "
        f"left out of the fit: {estimate.captions_found} of the pictures find their caption, and "
        f"{estimate.pictures_found} of the captions find their picture",
        f"without the adapter: {estimate.frozen_captions_found}, and "
        f"{estimate.frozen_pictures_found}",
    )
    n_found = estimate.captions_found.n_correct + estimate.pictures_found.n_correct
    n_frozen = estimate.frozen_captions_found.n_correct + estimate.frozen_pictures_found.n_correct
    if n_found < n_frozen:
        console.warn(
            "fewer left-out pairs are matched correctly with the adapter than without it: check "
            "that each caption describes its picture, and add more pairs"
        )
    console.result(
        f"{out}: an adapter that orders captions and pictures, from {n} pairs (encoder "
        f"{origin.encoder}, {origin.n_views} view(s){looks_in_words(origin.zoom, origin.blocks)})"
    )
    console.note(f"next: metaadapter rank {quote(str(out))} PICTURES CAPTIONS.txt")
