"""`metaadapter adapt --several`: turn pictures of several classes each into an adapter."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.console import MAX_LISTED, Console, print_document, quarantined_json

if TYPE_CHECKING:
    from metaadapter.apps.cli.encoder_choice import EncoderChoice
    from metaadapter.workflow.class_texts import ClassNames
    from metaadapter.workflow.labelled_pictures import Selection
    from metaadapter.workflow.run_adapt_several import AdaptedSeveral


def adapt_several(
    support: Path,
    out: Path,
    class_names: ClassNames | None,
    selection: Selection,
    choice: EncoderChoice,
    generator: str,
    console: Console,
    *,
    partial: bool,
) -> None:
    """Predict the adapter, store it, and show what it is and how left-out pictures fare."""
    from metaadapter.workflow.run_adapt_several import adapt_several as adapt_pictures

    with console.progress() as progress:
        adapted = adapt_pictures(
            support,
            partial_labels=partial,
            class_names=class_names,
            selection=selection,
            progress=progress,
            **choice.place,
            templates=choice.templates,
            generator=generator,
        )
    adapted.save(out)
    pictures = adapted.labelled.pictures
    console.warn_of_pictures("the labelled", adapted.warnings, pictures.quarantined)
    if console.json_output:
        print_document("adapt-several", _document(out, adapted, partial=partial))
        return
    _note(console, adapted)
    origin = adapted.labelled.origin
    console.result(
        f"{out}: an adapter for {len(adapted.counts)} classes, several a picture, from "
        f"{len(pictures)} pictures (encoder {origin.encoder}, {origin.n_views} view(s))"
    )
    console.note(f"next: metaadapter predict {quote(str(out))} NEW_PICTURES")


def _note(console: Console, adapted: AdaptedSeveral) -> None:
    shown = [f"{label} {n}" for label, n in adapted.counts.items()]
    more = f", … ({len(shown)} in all)" if len(shown) > MAX_LISTED else ""
    console.note(f"pictures of each class: {', '.join(shown[:MAX_LISTED])}{more}")
    scores = adapted.fitted.estimate
    if scores.n_classes:
        console.note(
            f"estimate from left-out pictures, for the {scores.n_classes} classes with two or "
            f"more: mean average precision {scores.mean_average_precision:.0f} %, F1 "
            f"{scores.f1:.0f} %"
        )


def _document(out: Path, adapted: AdaptedSeveral, *, partial: bool) -> dict[str, Any]:
    stored, pictures = adapted.fitted.adapter, adapted.labelled.pictures
    config, thresholds = stored.config, stored.weights.label_thresholds
    assert thresholds is not None
    return {
        "adapter": str(out),
        "counts": adapted.counts,
        "thresholds": dict(zip(adapted.counts, thresholds.tolist(), strict=True)),
        "n_pictures": len(pictures),
        "partial": partial,
        **config.model_dump(include={"generator", "generator_id"}),
        **adapted.labelled.origin.model_dump(),
        "leave_one_out": adapted.fitted.estimate.to_dict(),
        "warnings": adapted.warnings,
        "quarantined": quarantined_json(pictures.quarantined),
    }
