"""`metaadapter adapt`: turn a few labelled pictures into an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.adapt_output import show_adapted
from metaadapter.apps.cli.command_guard import Excludes, MayBeUrl, Needs, Output
from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError, UsageError

# Options that mean nothing together with several labels.
OF_ONE_LABEL = (
    "--names",
    "--unlabelled",
    "--detections",
    "--mode",
    "--inside",
    "--tree",
)

Support = Annotated[
    Path | None,
    Argument(
        metavar="[SUPPORT]",
        help="Labelled pictures: a folder with one folder per class, a manifest, boxes with "
        "labels, tar files, or a feature store.",
        show_default=False,
    ),
    MayBeUrl(),
]
Out = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="ADAPTER",
        help="Folder of the adapter, or NAME.adapter for one file.",
    ),
    Output(),
]
Several = Annotated[
    bool,
    Option("--several", help="Pictures may show several classes or none: fox;snow."),
    Needs("SUPPORT"),
    Excludes(OF_ONE_LABEL),
]
Names = Annotated[
    str | None,
    Option(metavar="NAME,…", help="Classes without pictures, in place of SUPPORT or in addition."),
    Excludes(("--no-text",)),
]
Unlabelled = Annotated[
    Path | None,
    Option(metavar="PICTURES", help="Unlabelled pictures of the same kind, in any number."),
    MayBeUrl(),
]
Detections = Annotated[
    list[Path] | None,
    Option(
        "--detections",
        metavar="BOXES",
        help="Boxes in the labelled pictures and in --unlabelled; if these have a file of their "
        "own, give the option again.",
    ),
    Needs("SUPPORT"),
]
Tree = Annotated[
    Path | None,
    Option(
        metavar="FILE", help="Parents of the classes: predict answers at the deepest sure name."
    ),
]
Mode = Annotated[
    Literal["one_shot", "finetune"],
    Option(help="finetune: gradient steps follow, if left-out pictures gain."),
]
Inside = Annotated[
    Literal["bottleneck"] | None,
    Option(help="First train bottlenecks inside the tower, if left-out pictures gain."),
    Needs("SUPPORT"),
]
Generator = Annotated[
    str,
    Option(
        metavar="NAME",
        help="default, closed-form, a folder, hf-hub:… or FILE.py:CLASS.",
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="LABEL=NAME", help="Name of a class, if its label says little. Repeatable."),
]
Describe = Annotated[
    list[str] | None,
    Option(
        metavar="LABEL=SENTENCE", help="How a class looks, in addition to its name. Repeatable."
    ),
]
NoText = Annotated[
    bool,
    Option("--no-text", help="Learn only from pictures, not from names."),
    Excludes(("--text", "--describe")),
]


def adapt(
    support: Support = None,
    *,
    out: Out,
    several: Several = False,
    names: Names = None,
    unlabelled: Unlabelled = None,
    tree: Tree = None,
    detections: Detections = None,
    pictures: Annotated[field_options.PicturesOfBoxes, Needs("SUPPORT")] = None,
    min_confidence: field_options.MinConfidence = 0.2,
    encoder: options.Encoder = None,
    mode: Mode = "one_shot",
    inside: Inside = None,
    generator: Generator = "default",
    text: Text = None,
    describe: Describe = None,
    no_text: NoText = False,
) -> None:
    """Predict an adapter from a few labelled pictures per class.

    It takes seconds, and trains nothing unless you ask for it; one picture per class is enough.
    Names help: name folders as you would name the thing ("red fox"), or give names with --text.
    """
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.workflow.class_texts import ClassNames
    from metaadapter.workflow.run_adapt import adapt as adapt_pictures

    if support is None and names is None:
        raise UsageError("give labelled pictures (SUPPORT), or names of classes: --names fox,lynx")
    _require_pictures(support, unlabelled, are_trained_on=inside is not None)
    choice = read_encoder(encoder)
    console = Console()
    require_adapter_folder(out)  # fail here, not after minutes of encoding
    first_boxes = detections[0] if detections else None
    of_boxes = field_options.of_boxes(pictures, first_boxes, [support] if support else [])
    added = class_list(names)
    # Without pictures the names are all classes; beside pictures they are added ones.
    classes = [] if support else [name.partition("=")[0] for name in added]
    texts = [*(text or ()), *(() if support else (name for name in added if "=" in name))]
    class_names = None
    if not no_text:
        class_names = ClassNames.parsed(texts, added if support else (), describe or ())
    cut = field_options.read_cut(pictures or support, unlabelled, detections or (), min_confidence)
    with console.progress():
        tune, options = None, choice.options
        if inside is not None:
            from metaadapter.labs.tuning import TuningStep

            # The default encoder of whole frames has no tower of its own to train.
            tune, options = TuningStep(generator), {**options, "encoder": choice.name}
        adapted = adapt_pictures(
            support,
            classes=classes,
            class_names=class_names,
            selection=choice.selection(pictures=of_boxes, min_confidence=min_confidence),
            unlabelled=unlabelled,
            tree=tree,
            several=several,
            **options,
            templates=choice.templates,
            mode=mode,
            generator=generator,
            cut=cut,
            tune=tune,
        )
    adapted.save(out)
    show_adapted(console, out, adapted, tune)


def class_list(names: str | None) -> list[str]:
    """Return the classes in `--names`; raise a `UsageError` if a class occurs twice."""
    classes = [name.strip() for name in (names or "").split(",") if name.strip()]
    if names is not None and not classes:
        raise UsageError("--names is empty; give names of classes, or leave it out")
    if repeated := {name for name in classes if classes.count(name) > 1}:
        raise UsageError(f"--names has {', '.join(map(repr, sorted(repeated)))} more than once")
    return classes


def _require_pictures(
    support: Path | None, unlabelled: Path | None, *, are_trained_on: bool
) -> None:
    """Raise an error for a missing source, or for a store if the encoder is trained on it."""
    from metaadapter.features.encoded_pictures import is_store

    if unlabelled is not None and not unlabelled.exists():
        raise DataError(f"--unlabelled {unlabelled}: there is no such file or folder")
    for place in (support, unlabelled):
        if are_trained_on and place is not None and is_store(place):
            raise UsageError(
                f"{place} is a feature store, and --inside changes the features: give the pictures"
            )
