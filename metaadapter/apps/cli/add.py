"""`metaadapter add`: one class more for an adapter that is there."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path
from shlex import quote
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.errors import UsageError


def add(
    adapter: options.Adapter,
    label: Annotated[str, Argument(metavar="LABEL", help="Label of the new class.")],
    pictures: Annotated[
        list[Path] | None,
        Argument(
            metavar="PICTURES", help="Its pictures: files, and folders with all folders in them."
        ),
    ] = None,
    text: Annotated[
        str | None,
        Option(
            metavar="NAME", help="Its name, which is enough without pictures.", show_default="LABEL"
        ),
    ] = None,
    describe: Annotated[
        list[str] | None,
        Option(
            metavar="SENTENCE",
            help="What it looks like, beside its name, trusted as far as its pictures bear it out. "
            "Repeat.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="ADAPTER", help="Write another adapter, and leave this one."),
    ] = None,
    encoder: options.MovedEncoder = None,
    generator: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="The generator that predicted the adapter, if it was moved or is one of your own.",
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Add a class to an adapter, from pictures, a name, or both.

    The vectors and biases of the other classes stay as they are. The adapter is replaced as a
    whole, or not at all.
    """
    if not pictures and text is None:
        raise UsageError(f"{label!r} needs pictures, --text NAME, or both")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import hold_adapter, load_adapter, require_adapter_folder
    from metaadapter.features.encoded_pictures import EncodedPictures
    from metaadapter.workflow.estimator import MetaAdapterClassifier
    from metaadapter.workflow.queries import load_adapter_encoder, read_queries

    if out is not None:
        require_adapter_folder(out)  # better told now than after minutes of encoding
    stored = load_adapter(adapter)
    config = stored.config
    folder = out or adapter
    with nullcontext() if out else hold_adapter(adapter):  # two that add would lose one class
        classifier = MetaAdapterClassifier.load(adapter, generator=generator)
        support, _ = classifier.require_addable(label)
        if text is None and support.text_TND.any():
            text = label  # as `metaadapter adapt` takes the names of folders
        load = cache(partial(load_adapter_encoder, adapter, stored, encoder, device, precision))
        with console.progress() as progress:
            parts = read_queries(pictures or (), config, load, progress=progress)
            added = EncodedPictures.joined(parts, width=config.width)
        if describe and text is None:
            raise UsageError(
                "the adapter was made without names, so --describe has nothing to stand beside; "
                "give the name of the class with --text as well"
            )
        if text is not None:
            classifier.set_params(encoder=load())
        known = {*classifier.picture_hashes_}
        named = zip(added.paths, added.sha256, strict=True)
        repeated = [path for path, sha256 in named if sha256 in known]
        classifier.add_class(
            label,
            added.features if len(added) else None,
            text=[text, *describe] if text is not None and describe else text,
            picture_hashes=added.sha256,
        )
        classifier.save(folder)

    console.warn_of(
        f"the adapter was predicted from {len(repeated)} of these very pictures already:", repeated
    )
    console.warn_of_pictures("these", added.warnings, added.quarantined)
    classes, n_shots = classifier.classes_.tolist(), classifier.n_shots_.tolist()
    if json_output:
        document = {
            "adapter": str(folder),
            "label": label,
            "name": text,
            "descriptions": describe or [],
            "n_pictures": len(added),
            "counts": dict(zip(classes, n_shots, strict=True)),
            "generator": str(classifier.generator),
            "generator_id": classifier.generator_id_,
            **config.origin.model_dump(),
            "warnings": added.warnings,
            "quarantined": quarantined_json(added.quarantined),
        }
        print_document("add", document)
        return
    console.result(
        f"{folder}: an adapter for {len(classes)} classes, {label} added from {len(added)} "
        "pictures" + ("" if text is None else f" and its name, {text}")
    )
    console.note(f"next: metaadapter predict {quote(str(folder))} NEW_PICTURES")
