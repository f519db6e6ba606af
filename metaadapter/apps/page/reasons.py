"""The labelled pictures that the prediction for a picture of the tray rests on."""

from __future__ import annotations

from typing import Any

from metaadapter.apps.page.answers import Results
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.snapshot import Snapshot
from metaadapter.workflow.influence import Influence, why_no_reasons


def reasons_of(snapshot: Snapshot, results: Results, picture: str) -> dict[str, Any]:
    """Return the JSON form of the reasons, with the ids of classes and pictures.

    Raises:
        Refusal: There is no prediction for the picture, or it would take too long.
    """
    task, stored = results.task, results.stored
    if task is None or stored is None or picture not in results.answers:
        raise Refusal(409, "no-answer", "There is no prediction for this picture now.")
    if obstacle := why_no_reasons(stored):
        raise Refusal(
            409, "no-reasons", f"The reasons cannot be found: {obstacle}.", error=obstacle
        )
    (why,) = Influence.of(stored).reasons(snapshot.rows([picture]))
    of_names = why.names and [why.names]
    sides = {"for": why.speak_for, "against": why.speak_against, "names": of_names or ()}
    return {
        "answer": task.ids[why.answer],
        **{
            side: [
                {
                    "picture": reason.picture,
                    "class": task.ids.get(reason.label, ""),
                    "answer": task.ids[reason.answer],
                    "probability": reason.probability,
                }
                for reason in reasons
            ]
            for side, reasons in sides.items()
        },
    }
