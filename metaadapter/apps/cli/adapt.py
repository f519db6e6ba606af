"""`metaadapter adapt`: a few labelled pictures into an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from metaadapter.apps.cli import adapt_options, field_options, options
from metaadapter.apps.cli.adapt_captions import adapt_captions
from metaadapter.apps.cli.adapt_output import show_adapted
from metaadapter.apps.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaadapter.features.encoding_loop import Progress
    from metaadapter.labs.tuning.tuning_step import TuningStep


def adapt(
    support: adapt_options.Support = None,
    *,
    out: adapt_options.Out,
    captions: adapt_options.Captions = False,
    names: adapt_options.Names = None,
    unlabelled: adapt_options.Unlabelled = None,
    background: adapt_options.Background = None,
    detections: field_options.LabelledDetections = None,
    min_confidence: field_options.MinConfidence = 0.2,
    encoder: options.EncoderOfPictures = None,
    mode: adapt_options.Mode = "one_shot",
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

    It takes seconds and, unless asked to, trains nothing; one picture per class is enough. Names
    help: name folders as you would name the thing ("red fox"), or give names with --text.
    """
    given = adapt_options.given_options(locals())
    manifest = adapt_options.require_manifest(given) if captions else None
    if manifest is None:
        adapt_options.require_together(given)
    classes = adapt_options.class_list(names)
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import require_adapter_folder
    from metaadapter.workflow.class_names import ClassNames
    from metaadapter.workflow.labelled_pictures import Selection
    from metaadapter.workflow.run_adapt import adapt as adapt_pictures

    require_adapter_folder(out)  # an error here costs less than one after minutes of encoding
    selection = Selection(split, shots, views, seed, zoom, options.block_names(blocks))
    if manifest is not None:
        adapt_captions(manifest, out, selection, encoder, device, precision, templates, console)
        return
    cut = None
    if detections is not None:
        cut = field_options.read_cut(detections, min_confidence, support)
    class_names = ClassNames.parsed(text or (), add_class or (), describe or ())
    with console.progress() as progress:
        tune = _tuning(inside, kind, prompt, generator, progress)
        adapted = adapt_pictures(
            support,
            classes=classes,
            class_names=None if no_text else class_names,
            selection=selection,
            unlabelled=unlabelled,
            background=background,
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
    from metaadapter.labs.tuning.inside import Inside
    from metaadapter.labs.tuning.tuning_step import TuningStep

    settings = None if inside is None else Inside(kind or "bottleneck")
    return TuningStep(settings, n_context, generator, progress)
