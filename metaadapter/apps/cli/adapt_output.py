"""The result of `metaadapter adapt`, as lines for a person or as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.console import MAX_LISTED, Console, listed, print_document

if TYPE_CHECKING:
    from metaadapter.labs.tuning import TunedInside, TuningStep
    from metaadapter.workflow.forecast import Expected
    from metaadapter.workflow.run_adapt import Adapted


def show_adapted(console: Console, out: Path, adapted: Adapted, tuning: TuningStep | None) -> None:
    """Print the result, and warnings about pictures."""
    from metaadapter.features.views import looks_in_words

    pictures, pool = adapted.labelled.pictures, adapted.unlabelled
    unreadable = []
    if pool is not None:
        of_pool = console.warn_of_pictures("the unlabelled", pool.warnings, pool.quarantined)
        unreadable = of_pool["quarantined"]
    about = console.warn_of_pictures("the labelled", adapted.warnings, pictures.quarantined)
    several = adapted.labelled.several
    if console.json_output:
        about["quarantined"] += unreadable
        content = _of_several(adapted) if several else _of_one_label(adapted, tuning)
        document = {
            "adapter": out,
            "counts": adapted.counts,
            "n_pictures": len(pictures),
            **adapted.adapter.config.model_dump(include={"generator", "generator_id"}),
            **adapted.labelled.origin.model_dump(),
        }
        command = "adapt-several" if several else "adapt"
        print_document(command, {**document, **about, **content})
        return
    if not console.silent:  # estimates take a while
        if tuning is not None:
            console.note(*(inside_lines(tuning.inside) if tuning.inside else ()))
        _note_estimate(console, adapted)
        _note_pool(console, adapted)
    origin, config = adapted.labelled.origin, adapted.adapter.config
    n_unlabelled = None if pool is None else config.n_unlabelled
    console.result(
        f"{out}: an adapter for {len(config.classes)} classes, {'several a picture, ' * several}"
        f"from {_sources(len(pictures), n_unlabelled)} "
        f"(encoder {origin.encoder}, {origin.n_views} view(s)"
        f"{looks_in_words(origin.zoom, origin.blocks)})"
    )
    boxes = " --detections BOXES" if config.boxed else ""
    console.note(f"next: metaadapter predict {quote(str(out))} NEW_PICTURES{boxes}")


def _of_one_label(adapted: Adapted, tuning: TuningStep | None) -> dict[str, Any]:
    config, estimate, effect = adapted.adapter.config, adapted.estimate, adapted.pool_effect
    return {
        **config.model_dump(include={"mode", "n_steps"}),
        "descriptions": {
            label: text[1:]
            for label, text in (adapted.texts or {}).items()
            if isinstance(text, list)
        },
        "unlabelled": effect and asdict(effect),
        "inside": tuning and tuning.inside and inside_document(tuning.inside),
        "leave_one_out": estimate and estimate.accuracy,
        "forecast": [one._asdict() for one in adapted.forecast],
        "mistakes": [mistake._asdict() for mistake in estimate.mistakes] if estimate else [],
        "warnings": (
            *adapted.warnings,
            *(adapted.unlabelled.warnings if adapted.unlabelled else ()),
            *(effect.lines()[1:] if effect else ()),
        ),
    }


def _of_several(adapted: Adapted) -> dict[str, Any]:
    thresholds, scores = adapted.adapter.weights.label_thresholds, adapted.label_scores
    assert thresholds is not None
    return {
        "thresholds": dict(zip(adapted.counts, thresholds.tolist(), strict=True)),
        "leave_one_out": scores and scores.to_dict(),
    }


def _note_estimate(console: Console, adapted: Adapted) -> None:
    config, counts, estimate = adapted.adapter.config, adapted.counts, adapted.estimate
    shown = [f"{label} {n}" for label, n in counts.items()]
    more = f", … ({len(shown)} in all)" if len(shown) > MAX_LISTED else ""
    console.note(f"pictures of each class: {', '.join(shown[:MAX_LISTED])}{more}")
    if config.mode == "finetune":
        why = (
            "because with unlabelled pictures no number of steps raises accuracy reliably"
            if config.n_unlabelled
            else "the number that left-out pictures confirm"
        )
        console.note(f"gradient steps after the prediction: {config.n_steps or 'none'}, {why}")
    scores = adapted.label_scores
    if scores is not None and scores.n_classes:
        console.note(
            f"estimate from left-out pictures, for the {scores.n_classes} classes with two or "
            f"more: mean average precision {scores.mean_average_precision:.0f} %, F1 "
            f"{scores.f1:.0f} %"
        )
    console.note(*expected_lines(adapted.forecast))
    if estimate is None:
        return
    made = "predicted and refined" if config.n_steps else "predicted"
    console.note(
        f"estimate from {'all' if config.n_unlabelled else 'the labelled'} pictures: "
        f"{estimate.accuracy} of the labelled ones are predicted correctly by an adapter {made} "
        "from all the others"
    )
    if estimate.mistakes:
        console.note("predicted wrongly when left out:", *listed(estimate.mistakes))


def expected_lines(forecast: Sequence[Expected]) -> list[str]:
    """Return the sentence on the accuracy to expect of new pictures, if it is known."""
    if not forecast:
        return []
    now, *more = forecast
    later = ", ".join(f"with {one.times} times the labels {one}" for one in more)
    return [f"expected of new pictures like these: {now} right; {later}; 90 % intervals"]


def _note_pool(console: Console, adapted: Adapted) -> None:
    effect = adapted.pool_effect
    if adapted.unlabelled is not None and not len(adapted.unlabelled):
        console.note("no unlabelled picture is left to learn from")
    console.note(*(effect.lines() if effect else ()))


def _sources(n_labelled: int, n_unlabelled: int | None) -> str:
    labelled = f"{n_labelled} pictures" if n_labelled else "names only"
    if n_unlabelled is None:
        return labelled
    return f"{labelled} and {n_unlabelled} unlabelled {'ones' if n_labelled else 'pictures'}"


def inside_document(tuned: TunedInside) -> dict[str, Any]:
    """The JSON form of the training inside the towers."""
    choice, left_out = tuned.left_out, None
    if choice is not None:
        left_out = {
            "n": choice.n_pictures,
            "strength": choice.strength,
            "accuracy": choice.accuracies[choice.strength],
            "log_loss": choice.log_losses[choice.strength],
            "accuracy_without": choice.accuracies[0],
            "log_loss_without": choice.log_losses[0],
        }
    return {
        "adapters": None if tuned.config is None else tuned.config.model_dump(mode="json"),
        "n_trained": tuned.n_trained,
        "left_out": left_out,
        "seconds": tuned.seconds,
    }


def inside_lines(tuned: TunedInside) -> list[str]:
    """Describe the training inside the towers, in lines for a person."""
    choice, cost = tuned.left_out, f"({tuned.n_trained:,} numbers, {tuned.seconds:.1f} s)"
    if choice is None:
        return [
            "no class has three pictures, so it cannot be measured whether training inside the "
            "encoder helps: the encoder stays as it is"
        ]
    strength, losses, accuracies = choice.strength, choice.log_losses, choice.accuracies
    if tuned.config is None:
        others = [loss for strength, loss in losses.items() if strength]
        return [
            f"{choice.n_pictures} pictures that were left out of a training do not support "
            f"adapters inside the encoder: their log loss is {min(others):.3f} with them, "
            f"{losses[0.0]:.3f} without; the encoder stays as it is {cost}"
        ]
    return [
        f"inside the encoder, at {strength:.0%} of full strength: {tuned.config} {cost}",
        f"of {choice.n_pictures} pictures that were left out of a training, "
        f"{accuracies[strength]:.1%} are predicted correctly with such adapters, "
        f"{accuracies[0.0]:.1%} without; their log loss is {losses[strength]:.3f} and "
        f"{losses[0.0]:.3f}",
    ]
