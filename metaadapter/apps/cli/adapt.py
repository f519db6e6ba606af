"""`metaadapter adapt`: a few labelled pictures into an adapter."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

from typer import Argument, Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.adapt_captions import adapt_captions
from metaadapter.apps.cli.adapt_inside import InsideKind, InsideTower, inside_document, inside_told
from metaadapter.apps.cli.adapt_prompt import PromptLength, prompt_document, prompt_told
from metaadapter.apps.cli.adapt_together import manifest_alone, names_alone, require_together
from metaadapter.apps.cli.adapt_told import pictures_told, tell_of_fit
from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.errors import UsageError


def adapt(
    support: Annotated[
        Path | None,
        Argument(
            metavar="[SUPPORT]",
            help="Labelled pictures: a folder with one folder per class, a manifest (.csv, .jsonl, "
            ".parquet), a CoOp split (.json), or a feature store made by `metaadapter encode`. Not "
            "given with --names.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[
        Path,
        Option(
            "--out",
            "-o",
            metavar="ADAPTER",
            help="Folder of the adapter, or NAME.adapter for a skill file.",
        ),
    ],
    captions: Annotated[
        bool,
        Option(
            "--captions",
            help="SUPPORT is a manifest with a caption for each picture, in a column `caption`: "
            "make an adapter that orders captions for pictures, and pictures for captions.",
        ),
    ] = False,
    names: Annotated[
        str | None,
        Option(
            metavar="NAME,…",
            help="Classes by their names alone, without any labelled picture, in place of SUPPORT.",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        Option(
            metavar="PICTURES",
            help="Pictures of the same kind that nobody labelled, in any number: a folder, a "
            "manifest or a feature store. They help most at one to four pictures a class.",
        ),
    ] = None,
    background: Annotated[
        Path | None,
        Option(
            metavar="PICTURES",
            help="Pictures of nothing of interest, such as empty frames: a class `background` that "
            "needs no name.",
        ),
    ] = None,
    detections: field_options.LabelledDetections = None,
    min_confidence: field_options.MinConfidence = 0.2,
    encoder: options.EncoderOfPictures = None,
    mode: Annotated[
        Literal["one_shot", "finetune"],
        Option(
            help="one_shot: one forward pass of the generator, no gradients. finetune: gradient "
            "steps from there, as many as pictures left out of the support bear out, or none."
        ),
    ] = "one_shot",
    inside: InsideTower = None,
    kind: InsideKind = None,
    prompt: PromptLength = None,
    generator: Annotated[
        str,
        Option(
            metavar="NAME",
            help="default, closed-form (untrained), a folder, or FILE.py:CLASS, one of your own.",
        ),
    ] = "default",
    text: Annotated[
        list[str] | None,
        Option(
            metavar="LABEL=NAME", help="Name of a class, where its folder says too little. Repeat."
        ),
    ] = None,
    add_class: Annotated[
        list[str] | None,
        Option(metavar="LABEL[=NAME]", help="A class without pictures, known by its name. Repeat."),
    ] = None,
    describe: Annotated[
        list[str] | None,
        Option(
            metavar="LABEL=SENTENCE",
            help="What a class looks like, beside its name, trusted as far as the pictures bear it "
            "out; also a column `description` of a manifest, or lines of a file class.txt in the "
            "folder of the class. Repeat.",
        ),
    ] = None,
    no_text: Annotated[
        bool, Option("--no-text", help="Learn from the pictures alone, not from names.")
    ] = False,
    shots: Annotated[
        int | None,
        Option(min=1, help="Use K pictures of each class, drawn by --seed; nested in K + 1."),
    ] = None,
    zoom: options.Zoom = None,
    blocks: options.Blocks = None,
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
    given = {
        **{"SUPPORT": support, "--names": names is not None, "--unlabelled": unlabelled},
        **{"--background": background, "--detections": detections, "--mode": mode != "one_shot"},
        **{"--text": text, "--generator": generator != "default", "--add-class": add_class},
        **{"--describe": describe, "--no-text": no_text, "--shots": shots, "--split": split},
        **{"--templates": templates, "--inside": inside, "--kind": kind, "--prompt": prompt},
        "--min-confidence": min_confidence != 0.2,
    }
    if captions:
        adapt_captions(
            manifest_alone(support, given),
            out,
            encoder=encoder or "tiny",
            zoom=zoom,
            blocks=options.block_names(blocks),
            device=device,
            precision=precision,
            templates=templates,
            views=views or 1,
            seed=seed,
            split=split,
            json_output=json_output,
            quiet=quiet,
        )
        return
    sources = {"SUPPORT": support, "--unlabelled": unlabelled, "--background": background}
    require_together(given, sources=sources, encoder=encoder, precision=precision)
    alone = names_alone(names)
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import require_adapter_folder, store_adapter
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.looks import looks_in_words
    from metaadapter.workflow.background import with_background
    from metaadapter.workflow.classes import check_support, class_names, with_sentences
    from metaadapter.workflow.fit_adapter import estimate, fit_adapter
    from metaadapter.workflow.labelled_pictures import Selection, read_support, without_pictures
    from metaadapter.workflow.pool import as_pool, pool_effect, read_pool

    require_adapter_folder(out)  # better told now than after minutes of encoding
    name = partial(class_names, texts=text or (), added=add_class or ())
    selection = Selection(split, shots, views, seed, zoom, options.block_names(blocks))
    load = partial(load_encoder, device=device, precision=precision, templates=templates)
    if support is None:
        if len(with_sentences(name(alone), {}, describe or ())) < 2:
            raise UsageError(f"--names {names}: a classifier needs at least two classes")
        labelled = without_pictures(selection, load, encoder=encoder, unlabelled=unlabelled)
    else:
        with console.progress() as progress:
            labelled = read_support(
                support,
                selection,
                load,
                encoder=encoder,
                reads_names=bool(text or add_class or describe or templates or prompt),
                check_labels=lambda labels: with_sentences(name(labels), {}, describe or ()),
                cut=field_options.read_cut(detections, min_confidence, support),
                progress=progress,
            )
    named = None if no_text else name(alone or labelled.counts)
    texts = named and with_sentences(named, labelled.descriptions, describe or ())
    tuned = None
    if inside is not None:
        from metaadapter.labs.tuning.inside import Inside
        from metaadapter.labs.tuning.tuned_towers import tune_towers

        with console.progress() as progress:
            labelled, tuned = tune_towers(
                labelled,
                texts,
                Inside(kind or "bottleneck"),
                generator=generator,
                progress=progress,
            )
    learned = None
    if prompt is not None:
        from metaadapter.labs.tuning.tuned_prompt import learn_prompt

        with console.progress() as progress:
            learned = learn_prompt(labelled, texts or {}, prompt, progress=progress)
    if background is not None:  # after the names were taken: it has none
        with console.progress() as progress:
            labelled = with_background(
                labelled, background, load, named=named or {}, seed=seed, progress=progress
            )
    pool, unread, told = None, tuple[UnreadableImage, ...](), tuple[str, ...]()
    if unlabelled is not None:
        with console.progress() as progress:
            pictures = read_pool(
                unlabelled, labelled.origin, load, labelled.encoder, seed=seed, progress=progress
            )
        pool, told = as_pool(pictures, labelled.pictures.sha256, seed)
        unread, told = pictures.quarantined, (*pictures.warnings, *told)
        console.warn_of_pictures("the unlabelled", told, unread)
    stored = fit_adapter(
        labelled,
        texts,
        mode=mode,
        generator=generator,
        pool=pool,
        inside=tuned,
        prompt=learned,
    )
    store_adapter(out, stored)

    warnings = (*labelled.pictures.warnings, *check_support(labelled.counts, named or {}))
    console.warn_of_pictures("the labelled", warnings, labelled.pictures.quarantined)
    found = None if quiet and not json_output else estimate(labelled, stored)
    effect, bare = None if quiet and not json_output else pool_effect(stored), None
    if effect is not None and stored.support is not None:
        bare = estimate(labelled, replace(stored, support=stored.support.with_pool(None)))
    counts = dict(zip(map(str, stored.config.classes), stored.config.n_shots, strict=True))
    taken = [] if found is None else found.taken_by_names(stored.config)
    cannot_help = effect.told([*counts])[1:] if effect else []
    if json_output:
        document = {
            "adapter": str(out),
            "counts": counts,
            "n_pictures": len(labelled.pictures),
            **stored.config.model_dump(include={"mode", "n_steps", "generator", "generator_id"}),
            **labelled.origin.model_dump(),
            "descriptions": {
                label: text[1:] for label, text in (texts or {}).items() if isinstance(text, list)
            },
            "unlabelled": effect
            and {**effect.to_dict(), "leave_one_out_without": bare and bare.accuracy.to_dict()},
            "inside": inside_document(tuned),
            "prompt": prompt_document(learned),
            "leave_one_out": None if found is None else found.accuracy.to_dict(),
            "mistakes": [] if found is None else [it._asdict() for it in found.mistakes],
            "warnings": (*warnings, *taken, *told, *cannot_help),
            "quarantined": quarantined_json((*labelled.pictures.quarantined, *unread)),
        }
        print_document("adapt", document)
        return
    console.note(*([] if tuned is None else inside_told(tuned)))
    console.note(*([] if learned is None else prompt_told(learned)))
    tell_of_fit(console, counts, stored.config, found)
    for each in taken:
        console.warn(each)
    if bare is not None:
        said = "… and without the unlabelled ones" if found else "estimate without unlabelled ones:"
        console.note(f"{said} {bare.accuracy}")
    if pool is not None and not len(pool):
        console.note("no unlabelled picture is left to learn from")
    console.note(*(effect.told([*counts]) if effect else ()))
    n_unlabelled = None if pool is None else stored.config.n_unlabelled
    console.result(
        f"{out}: an adapter for {len(counts)} classes, "
        f"from {pictures_told(len(labelled.pictures), n_unlabelled)} "
        f"(encoder {labelled.origin.encoder}, {labelled.origin.n_views} view(s)"
        f"{looks_in_words(labelled.origin.zoom, labelled.origin.blocks)})"
    )
    console.note(f"next: metaadapter predict {quote(str(out))} NEW_PICTURES")
