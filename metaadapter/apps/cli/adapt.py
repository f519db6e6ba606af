"""`metaadapter adapt`: turn a few labelled pictures into an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.apps.cli import adapt_options, field_options, options
from metaadapter.apps.cli.adapt_output import show_adapted
from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaadapter.apps.cli.encoder_choice import EncoderChoice


def adapt(
    support: adapt_options.Support = None,
    *,
    out: adapt_options.Out,
    several: adapt_options.Several = None,
    names: adapt_options.Names = None,
    unlabelled: adapt_options.Unlabelled = None,
    background: adapt_options.Background = None,
    tree: adapt_options.Tree = None,
    detections: adapt_options.Detections = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    encoder: options.Encoder = None,
    mode: adapt_options.Mode = "one_shot",
    inside: adapt_options.Inside = None,
    generator: adapt_options.Generator = "default",
    text: adapt_options.Text = None,
    describe: adapt_options.Describe = None,
    no_text: adapt_options.NoText = False,
) -> None:
    """Predict an adapter from a few labelled pictures per class.

    It takes seconds, and trains nothing unless you ask for it; one picture per class is enough.
    Names help: name folders as you would name the thing ("red fox"), or give names with --text.
    """
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.generator.elsewhere import ELSEWHERE
    from metaadapter.workflow.class_texts import ClassNames
    from metaadapter.workflow.run_adapt import adapt as adapt_pictures

    added = class_list(names)
    if support is None:
        if names is None:
            raise UsageError(
                "give labelled pictures (SUPPORT), or names of classes: --names fox,lynx"
            )
        require_no_boxes(detections, pictures)
    if generator == ELSEWHERE and (several or unlabelled or mode != "one_shot"):
        raise UsageError(
            "--generator elsewhere excludes --unlabelled, --several and --mode finetune; leave one "
            "of them out"
        )
    for name, place in (("--unlabelled", unlabelled), ("--background", background)):
        if place is not None and not place.exists():
            raise DataError(f"{name} {place}: there is no such file or folder")
    choice = read_encoder(encoder)
    if inside is not None:
        require_for_inside(
            choice, {"SUPPORT": support, "--unlabelled": unlabelled, "--background": background}
        )
    console = Console()
    require_adapter_folder(out)  # fail here, not after minutes of encoding
    first_boxes = detections[0] if detections else None
    of_boxes = field_options.of_boxes(pictures, first_boxes, [support] if support else [])
    selection = choice.selection(pictures=of_boxes, min_confidence=min_confidence)
    # Without pictures the names are all classes; beside pictures they are added ones.
    classes = [] if support else [name.partition("=")[0] for name in added]
    texts = [*(text or ()), *(() if support else (name for name in added if "=" in name))]
    class_names = None
    if not no_text:
        class_names = ClassNames.parsed(texts, added if support else (), describe or ())
    cut = field_options.read_cut(pictures or support, unlabelled, detections or (), min_confidence)
    with console.progress() as progress:
        tune = None
        if inside is not None:
            from metaadapter.labs.tuning.tune_inside import TuningStep

            tune = TuningStep(inside, generator, progress)
        adapted = adapt_pictures(
            support,
            classes=classes,
            class_names=class_names,
            selection=selection,
            unlabelled=unlabelled,
            background=background,
            tree=tree,
            several=several,
            **choice.place,
            templates=choice.templates,
            mode=mode,
            generator=generator,
            cut=cut,
            tune=tune,
            progress=progress,
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


def require_no_boxes(detections: Sequence[Path] | None, pictures: Path | None) -> None:
    """Raise a `UsageError` for options about boxes without pictures that have boxes."""
    for option, value in (("--detections", detections), ("--pictures", pictures)):
        if value:
            raise UsageError(
                f"{option} is about labelled pictures (SUPPORT); add them, or leave it out"
            )


def require_for_inside(choice: EncoderChoice, places: Mapping[str, Path | None]) -> None:
    """Raise a `UsageError` if the encoder of these pictures cannot be trained."""
    from metaadapter.data.user_code import is_user_code
    from metaadapter.features.encoded_pictures import is_store

    for name, place in places.items():
        if place is not None and is_store(place):
            raise UsageError(
                f"{name} {place} is a feature store, and --inside changes the features: give the "
                "pictures"
            )
    if is_user_code(choice.name):
        raise UsageError(
            f"--inside trains adapters inside the models of open_clip, and the encoder "
            f"{choice.name} is your own code; leave --inside out, or name another encoder"
        )
    if choice.precision != "fp32":
        raise UsageError(
            f"--inside trains in fp32, and the encoder has the precision {choice.precision}: leave "
            "that out; predict takes any precision"
        )
