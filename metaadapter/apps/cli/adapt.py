"""`metaadapter adapt`: turn a few labelled pictures into an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metaadapter.apps.cli import adapt_options, field_options, options
from metaadapter.apps.cli.adapt_captions import adapt_captions
from metaadapter.apps.cli.adapt_output import show_adapted
from metaadapter.apps.cli.adapt_several import adapt_several, require_several
from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaadapter.features.encoding_loop import Progress
    from metaadapter.labs.tuning.tuning_step import TuningStep

# Option → the options that mean nothing together with it.
EXCLUDED = {
    "--no-text": ("--text", "--add-class", "--describe", "--templates"),
    "--names": (
        *("--no-text", "--shots", "--split", "--detections", "--inside", "--elsewhere"),
        "--pictures",
    ),
    "--unlabelled": ("--elsewhere",),
    "--mode": ("--elsewhere",),
    "--generator": ("--elsewhere",),
}
# Options that mean nothing together with --captions, because they are about classes.
OF_CLASSES = (
    *("--names", "--unlabelled", "--background", "--detections", "--mode", "--text", "--generator"),
    *("--add-class", "--describe", "--no-text", "--shots", "--inside", "--kind", "--prompt"),
    *("--elsewhere", "--min-confidence", "--unlabelled-detections", "--pictures", "--tree"),
)
DEFAULTS = {"--mode": "one_shot", "--generator": "default", "--min-confidence": 0.2}
PICTURES = ("SUPPORT", "--unlabelled", "--background")


def adapt(
    support: adapt_options.Support = None,
    *,
    out: adapt_options.Out,
    captions: adapt_options.Captions = False,
    several: adapt_options.Several = False,
    partial: adapt_options.Partial = False,
    names: adapt_options.Names = None,
    unlabelled: adapt_options.Unlabelled = None,
    background: adapt_options.Background = None,
    tree: adapt_options.Tree = None,
    pictures: field_options.PicturesOfBoxes = None,
    detections: field_options.LabelledDetections = None,
    unlabelled_detections: field_options.UnlabelledDetections = None,
    min_confidence: field_options.MinConfidence = 0.2,
    encoder: options.EncoderOfPictures = None,
    mode: adapt_options.Mode = "one_shot",
    elsewhere: adapt_options.Elsewhere = False,
    inside: adapt_options.Inside = None,
    kind: adapt_options.Kind = None,
    prompt: adapt_options.Prompt = None,
    generator: adapt_options.Generator = "default",
    text: adapt_options.Text = None,
    add_class: adapt_options.AddClass = None,
    describe: adapt_options.Describe = None,
    no_text: adapt_options.NoText = False,
    shots: adapt_options.Shots = None,
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

    It takes seconds, and trains nothing unless you ask for it; one picture per class is enough.
    Names help: name folders as you would name the thing ("red fox"), or give names with --text.
    """
    given = given_options(locals())
    of_several = require_several(given)
    manifest = require_manifest(given) if captions else None
    if manifest is None:
        require_together(given)
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.features.blocks import block_names
    from metaadapter.generator.elsewhere import ELSEWHERE
    from metaadapter.workflow.class_texts import ClassNames
    from metaadapter.workflow.labelled_pictures import Selection
    from metaadapter.workflow.run_adapt import adapt as adapt_pictures

    generator = ELSEWHERE if elsewhere else generator
    require_adapter_folder(out)  # fail here, not after minutes of encoding
    names_of_blocks = block_names(blocks)
    of_boxes = field_options.of_boxes(pictures, detections, [] if support is None else [support])
    selection = Selection(
        split, shots, views, seed, zoom, names_of_blocks, of_boxes, min_confidence
    )
    if manifest is not None:
        adapt_captions(manifest, out, selection, encoder, device, precision, templates, console)
        return
    class_names = ClassNames.parsed(text or (), add_class or (), describe or ())
    names_of_classes = None if no_text else class_names
    if of_several is not None:
        adapt_several(of_several, out, names_of_classes, selection, given, console)
        return
    cut = field_options.read_cut(given, min_confidence)
    with console.progress() as progress:
        tune = _tuning(inside, kind, prompt, generator, progress)
        adapted = adapt_pictures(
            support,
            classes=class_list(names),
            class_names=names_of_classes,
            selection=selection,
            unlabelled=unlabelled,
            background=background,
            tree=tree,
            encoder=encoder,
            device=device,
            precision=precision,
            templates=templates,
            mode=mode,
            generator=generator,
            cut=cut,
            tune=tune,
            progress=progress,
        )
    adapted.save(out)
    show_adapted(console, out, adapted, tune, json_output=json_output)


def _tuning(
    inside: str | None,
    kind: Literal["bottleneck", "lora"] | None,
    n_context: int | None,
    generator: str,
    progress: Callable[[Progress], None],
) -> TuningStep | None:
    if inside is None and n_context is None:
        return None
    from metaadapter.labs.tuning.tune_inside import Inside
    from metaadapter.labs.tuning.tuning_step import TuningStep

    settings = None if inside is None else Inside(kind or "bottleneck")
    return TuningStep(settings, n_context, generator, progress)


def given_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return option → value, for those parameters of the command that differ from their default."""
    named = {f"--{name.replace('_', '-')}": value for name, value in values.items()}
    named["SUPPORT"] = named.pop("--support")
    return {
        option: value
        for option, value in named.items()
        if value is not None and value is not False and value != DEFAULTS.get(option)
    }


def require_together(given: Mapping[str, Any]) -> None:
    """Raise an error if options exclude or need each other, or a given file does not exist."""
    for option, others in EXCLUDED.items():
        wrong = [other for other in others if other in given]
        if option in given and wrong:
            excluded = " and ".join(filter(None, [", ".join(others[:-1]), others[-1]]))
            raise UsageError(f"{option} excludes {excluded}: leave {wrong[0]} out")
    if ("SUPPORT" in given) == ("--names" in given):
        raise UsageError(
            "give either labelled pictures (SUPPORT), or only names of classes (--names fox,lynx); "
            "to add a class by its name to labelled pictures, use --add-class"
        )
    if "--kind" in given and "--inside" not in given:
        raise UsageError(
            "--kind chooses what --inside trains, and --inside was not given: add --inside image"
        )
    if "--unlabelled-detections" in given and "--unlabelled" not in given:
        raise UsageError(
            "--unlabelled-detections lists boxes in the pictures of --unlabelled, which was not "
            "given: add --unlabelled, or give the file as --detections"
        )
    for name in PICTURES[1:]:
        if name in given and not given[name].exists():
            raise DataError(f"{name} {given[name]}: there is no such file or folder")
    if "--inside" in given:
        _require_for_inside(given)
    if "--prompt" in given:
        _require_for_prompt(given)


def require_manifest(given: Mapping[str, Any]) -> Path:
    """Return the manifest for `--captions`, which excludes options about classes."""
    if of_classes := [option for option in OF_CLASSES if option in given]:
        raise UsageError(
            f"--captions makes no classes, so it excludes {', '.join(of_classes)}; leave "
            f"{'it' if len(of_classes) == 1 else 'them'} out"
        )
    if "SUPPORT" not in given:
        raise UsageError("--captions needs a manifest with the columns path and caption (SUPPORT)")
    manifest: Path = given["SUPPORT"]
    return manifest


def class_list(names: str | None) -> list[str]:
    """Return the classes in `--names`; raise a `UsageError` if a class occurs twice."""
    classes = [name.strip() for name in (names or "").split(",") if name.strip()]
    if repeated := {name for name in classes if classes.count(name) > 1}:
        raise UsageError(f"--names has {', '.join(map(repr, sorted(repeated)))} more than once")
    return classes


def _require_for_inside(given: Mapping[str, Any]) -> None:
    from metaadapter.data.user_code import is_user_code
    from metaadapter.features.encoded_pictures import is_store

    for name in PICTURES:
        if name in given and is_store(given[name]):
            raise UsageError(
                f"{name} {given[name]} is a feature store, and --inside changes the features: "
                "give the pictures"
            )
    if is_user_code(encoder := given.get("--encoder", "")):
        raise UsageError(
            f"--inside trains adapters inside the models of open_clip, and the encoder {encoder} "
            "is your own code; leave --inside out, or name another encoder"
        )
    if (precision := given["--precision"]) != "fp32":
        raise UsageError(
            f"--inside trains in fp32, and --precision {precision} was given: leave it out; "
            "predict takes any precision"
        )


def _require_for_prompt(given: Mapping[str, Any]) -> None:
    from metaadapter.data.user_code import is_user_code

    if "--no-text" in given:
        raise UsageError("--prompt is about the names of classes, so leave --no-text out")
    if "--names" in given:
        raise UsageError("--prompt is learned from labelled pictures, so give these, not --names")
    if is_user_code(encoder := given.get("--encoder", "")):
        raise UsageError(
            f"--prompt learns vectors for a text tower of open_clip, and the encoder {encoder} is "
            "your own code; leave --prompt out, or name another encoder"
        )
