"""`metaadapter add`: one more class for an adapter."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console

if TYPE_CHECKING:
    from metaadapter.workflow.run_add import Added


def add(
    adapter: options.Adapter,
    label: Annotated[str, Argument(metavar="LABEL", help="Label of the new class.")],
    pictures: Annotated[
        list[Path] | None,
        Argument(
            metavar="PICTURES", help="Pictures of the class: files, and folders with subfolders."
        ),
    ] = None,
    text: Annotated[
        str | None,
        Option(
            metavar="NAME", help="Name of the class; enough without pictures.", show_default="LABEL"
        ),
    ] = None,
    describe: Annotated[
        list[str] | None,
        Option(
            metavar="SENTENCE",
            help="How the class looks, in addition to its name; it counts as far as the pictures "
            "support it. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="ADAPTER", help="The new adapter; the old one remains."),
    ] = None,
    encoder: options.MovedEncoder = None,
    generator: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="The generator that predicted the adapter, if it was moved or is your own.",
        ),
    ] = None,
) -> None:
    """Add a class to an adapter, from pictures, a name, or both.

    The vectors and biases of the other classes stay as they are. The adapter is replaced as a
    whole, or not at all.
    """
    console = Console()
    from metaadapter.apps.cli.encoder_choice import OF_ADAPTERS, read_encoder
    from metaadapter.workflow.run_add import add as add_class

    choice = read_encoder(encoder, only=OF_ADAPTERS)

    with console.progress():
        added = add_class(
            adapter,
            label,
            pictures or (),
            name=text,
            sentences=describe or (),
            out=out,
            **choice.options,
            generator=generator,
        )
    _show_added(console, added, label, describe or [])


def _show_added(console: Console, added: Added, label: str, sentences: list[str]) -> None:
    place, pictures, config = added.place, added.pictures, added.adapter.config
    console.warn_of(
        f"the adapter was predicted from {len(added.repeated)} of these very pictures already:",
        added.repeated,
    )
    document = {
        "adapter": place,
        "label": label,
        "name": added.name,
        "descriptions": sentences,
        "n_pictures": len(pictures),
        "counts": added.counts,
        "generator": added.generator,
        "generator_id": config.generator_id,
        **config.origin.model_dump(),
        **console.warn_of_pictures("these", pictures.warnings, pictures.quarantined),
    }
    console.show_result(
        "add",
        document,
        f"{place}: an adapter for {len(config.classes)} classes, {label} added from "
        f"{len(pictures)} pictures"
        + ("" if added.name is None else f" and its name, {added.name}"),
        notes=[f"next: metaadapter predict {quote(str(place))} NEW_PICTURES"],
    )
