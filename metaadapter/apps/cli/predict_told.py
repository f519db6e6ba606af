"""What `metaadapter predict` tells at its end: notes, warnings, and the JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.console import Console, quarantined_json

if TYPE_CHECKING:
    from pathlib import Path

    from metaadapter.adapter.stored import StoredAdapter
    from metaadapter.apps.field.asking import Answered, Questions
    from metaadapter.workflow.predictions import Prediction, Scores


def tell_of_pool(console: Console, stored: StoredAdapter, *, has_reader: bool) -> list[str]:
    """Note what --together means for the answers.

    Args:
        console: The voice of the command.
        stored: The adapter that learned from all the pictures.
        has_reader: Somebody reads what the pictures changed; to find it out takes a while.

    Returns:
        Warnings of what they changed.
    """
    from metaadapter.workflow.pool import pool_effect

    console.note("these answers depend on one another: other pictures beside may change them")
    effect = pool_effect(stored) if has_reader else None
    return [*effect.told([str(label) for label in stored.config.classes])[1:]] if effect else []


def tell_of_answers(
    console: Console, answered: Answered, warnings: Sequence[str], *, reject: bool
) -> None:
    """Warn of pictures and note what the answers are, beside the answers themselves."""
    tally = answered.tally
    console.warn_of(
        f"the adapter was predicted from {len(tally.in_support)} of these very pictures, so their "
        "labels show memory, not skill:",
        tally.in_support,
    )
    console.warn_of_pictures("these", warnings, tally.unreadable)
    if tally.n_unfamiliar:
        answer = "they are answered `unknown`" if reject else "they may show none of the classes"
        console.note(f"{tally.n_unfamiliar} of {tally.n} pictures look unfamiliar: {answer}")
    if answered.n_taken:
        console.note(f"{answered.n_taken} of the predictions are of the interrupted run before")


def prediction_document(
    adapter: Path,
    questions: Questions,
    answered: Answered,
    listed: Sequence[Prediction],
    scores: Scores | None,
    warnings: Sequence[str],
    *,
    together: bool,
) -> dict[str, Any]:
    """What --json prints.

    Args:
        adapter: As it was named.
        questions: What was asked.
        answered: What came of it.
        listed: The predictions that are in the document.
        scores: Those of --labelled.
        warnings: All of them.
        together: The adapter learned from the pictures first.
    """
    asked, config, tally = questions.asked, questions.stored.config, answered.tally
    return {
        "adapter": str(adapter),
        "encoder": config.origin.encoder,
        "zoom": config.origin.zoom,
        "blocks": config.origin.blocks,
        "n_views": config.origin.n_views,
        "together": together,
        "reject": asked.reject,
        "keep": asked.keep,
        "sets": asked.coverage,
        "n_unfamiliar": tally.n_unfamiliar,
        "classes": [str(label) for label in config.classes],
        "n_pictures": tally.n,
        "predictions": [prediction.to_dict() for prediction in listed],
        "scores": None if scores is None else scores.to_dict(),
        "warnings": [*warnings],
        "quarantined": quarantined_json(tally.unreadable),
    }
