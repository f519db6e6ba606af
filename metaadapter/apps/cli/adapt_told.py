"""What `metaadapter adapt` tells a person of the adapter that it has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from metaadapter.apps.cli.console import MAX_LISTED, Console

if TYPE_CHECKING:
    from metaadapter.adapter.config import AdapterConfig
    from metaadapter.workflow.fit_adapter import LeftOutEstimate


def tell_of_fit(
    console: Console,
    counts: Mapping[str, int],
    config: AdapterConfig,
    found: LeftOutEstimate | None,
) -> None:
    """Tell a person what the adapter was made of, and what its own pictures tell of it."""
    each = [f"{label} {n}" for label, n in counts.items()]
    more = f", … ({len(each)} in all)" if len(each) > MAX_LISTED else ""
    console.note(f"pictures of each class: {', '.join(each[:MAX_LISTED])}{more}")
    if config.mode == "finetune":
        taken = config.n_steps or "none"
        console.note(f"gradient steps after the prediction: {taken}, as left-out pictures bear out")
    if found is None:
        return
    made = "predicted and refined" if config.n_steps else "predicted"
    console.note(
        f"estimate from {'all' if config.n_unlabelled else 'the labelled'} pictures: "
        f"{found.accuracy} of the labelled ones are predicted correctly by an adapter {made} from "
        "all the others"
    )
    console.note_all("predicted wrongly when left out:", found.mistakes)


def pictures_told(n_labelled: int, n_unlabelled: int | None) -> str:
    """What an adapter was made of, for a person; `None` where nobody gave unlabelled pictures."""
    told = f"{n_labelled} pictures" if n_labelled else "names alone"
    if n_unlabelled is None:
        return told
    return f"{told} and {n_unlabelled} unlabelled {'ones' if n_labelled else 'pictures'}"
