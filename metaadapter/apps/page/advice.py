"""Advice on the labelled pictures of a project, with the ids of classes and pictures."""

from __future__ import annotations

from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.left_out import MAX_PICTURES
from metaadapter.apps.page.results import Results


def advice_on(results: Results) -> list[Advice[str]]:
    """Advice on the labelled pictures, the most helpful first.

    There is none without an adapter, nor on more pictures than can be compared with one another.
    """
    task, stored = results.task, results.stored
    if task is None or stored is None or stored.support is None:
        return []
    if len(task.labels) > MAX_PICTURES:
        return []
    names = [str(name) for name in stored.config.classes]
    texts = zip(names, stored.support.text_TND[0].numpy(), strict=True)
    advice = advise(
        task.pictures.features,
        task.pictures.labels,
        {name: text for name, text in texts if text.any()},
        blocks=stored.config.blocks,
    )
    return [
        Advice(
            item.kind,
            item.sentence,
            classes=tuple(task.ids[name] for name in item.classes),
            pictures=tuple(results.labelled[number] for number in item.pictures),
        )
        for item in advice
    ]
