"""`metaadapter adapt`: a few labelled pictures into an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metaadapter.commands import options
from metaadapter.commands.class_names import class_names
from metaadapter.commands.console import Console, write_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.classifier import MetaAdapterClassifier
    from metaadapter.commands.support import Selection, Support
    from metaadapter.features import ImageEncoder

__all__ = ["adapt"]


def adapt(
    support: Annotated[
        Path,
        typer.Argument(
            metavar="SUPPORT",
            help="Labelled pictures: a folder with one folder per class, a manifest (.csv, .jsonl, "
            ".parquet), a CoOp split (.json), or a feature store made by `metaadapter encode`.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="ADAPTER", help="Folder of the adapter.")
    ],
    encoder: options.EncoderOfPictures = None,
    mode: Annotated[
        Literal["one_shot", "finetune"],
        typer.Option(
            help="one_shot: one forward pass of the generator, no gradients. finetune: gradient "
            "steps from there, as many as pictures left out of the support bear out, or none."
        ),
    ] = "one_shot",
    generator: Annotated[
        str, typer.Option(metavar="NAME", help="default, closed-form (untrained), or a folder.")
    ] = "default",
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=NAME", help="Name of a class, where its folder says too little. Repeat."
        ),
    ] = None,
    add_class: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL[=NAME]", help="A class without pictures, known by its name. Repeat."
        ),
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Learn from the pictures alone, not from names.")
    ] = False,
    shots: Annotated[
        int | None,
        typer.Option(min=1, help="Use K pictures of each class, drawn by --seed; nested in K + 1."),
    ] = None,
    views: options.ViewsOfPictures = None,
    seed: options.Seed = 0,
    split: options.Split = None,
    templates: options.Templates = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict an adapter from a few labelled pictures per class.

    It takes seconds and, unless asked to, trains nothing; one picture per class is enough. Names
    help: name folders as you would name the thing ("red fox"), or give names with --text.
    """
    if no_text and (text or add_class or templates):
        raise UsageError("--no-text goes with none of --text, --add-class and --templates")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import require_adapter_folder
    from metaadapter.commands.adapt_report import AdaptReport
    from metaadapter.commands.support import Selection
    from metaadapter.features import load_encoder

    require_adapter_folder(out)  # better told now than after minutes of encoding

    load = partial(
        load_encoder,
        device=device,
        precision=precision,
        templates=templates,
    )
    name = partial(class_names, texts=text or (), added=add_class or ())
    examples = _read(
        support,
        Selection(split, shots, views, seed),
        encoder,
        load,
        name,
        reads_names=bool(text or add_class or templates),
        console=console,
    )
    names = name(examples.counts)
    classifier = _fit(examples, None if no_text else names, mode, generator)
    classifier.save(
        out,
        origin=examples.origin,
        class_names=None if no_text else names,
        picture_hashes=examples.pictures.sha256,
    )

    report = AdaptReport.of(out, examples, classifier, {} if no_text else names)
    report.warn(console)
    if json_output:
        write_document("adapt", report.to_dict())
    else:
        report.show(console)


def _read(
    source: Path,
    selection: Selection,
    encoder: str | None,
    load: Callable[..., ImageEncoder],
    name: Callable[[Iterable[str]], Mapping[str, str]],
    *,
    reads_names: bool,
    console: Console,
) -> Support:
    """Pictures through the encoder, or a store, whose encoder is loaded only to read names."""
    from metaadapter.commands.support import support_of_pictures, support_of_store
    from metaadapter.features import FeatureStore, is_store
    from metaadapter.images import read_images

    if is_store(source):
        store = FeatureStore.open(source)
        needed = encoder is not None or reads_names
        owner = None if encoder is not None else f"the feature store {source}"
        return support_of_store(
            store,
            load(encoder or store.encoder, remembered_by=owner) if needed else None,
            selection,
        )
    table = read_images(source, split=selection.split)
    name(table.classes)  # a slip in --text is better told now than after minutes of encoding
    loaded = load(encoder or "tiny")
    with console.progress() as progress:
        return support_of_pictures(table, loaded, selection, progress)


def _fit(
    examples: Support,
    names: Mapping[str, str] | None,
    mode: Literal["one_shot", "finetune"],
    generator: str,
) -> MetaAdapterClassifier:
    from metaadapter.classifier import MetaAdapterClassifier

    texts: Mapping[str, Any] | None = names
    if names is not None and examples.stored_texts is not None:
        texts = {label: text for label, text in examples.stored_texts.items() if label in names}
    classifier = MetaAdapterClassifier(
        texts,
        mode=mode,
        generator=generator,
        encoder=examples.encoder,
        logit_scale=examples.logit_scale,
    )
    return classifier.fit(examples.pictures.features, examples.pictures.labels)
