"""Advice on the labelled pictures of a project, told by the ids of classes and pictures."""

from __future__ import annotations

from typing import NamedTuple

from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.left_out import MAX_PICTURES
from metaadapter.apps.page.published import Published


class PlacedAdvice(NamedTuple):
    """One piece of advice, and the ids of what it is about."""

    kind: str
    sentence: str
    classes: list[str]
    pictures: list[str]


def advice_on(published: Published) -> list[PlacedAdvice]:
    """What to do about the labelled pictures, what helps most first.

    There is none without an adapter, nor on more pictures than can be compared with one another.
    """
    task, stored = published.task, published.stored
    if task is None or stored is None or stored.support is None:
        return []
    if len(task.labels) > MAX_PICTURES:
        return []
    names = [str(name) for name in stored.config.classes]
    texts = zip(names, stored.support.text_TND[0].numpy(), strict=True)
    found = advise(
        task.pictures.features,
        task.pictures.labels,
        {name: text for name, text in texts if text.any()},
        blocks=stored.config.blocks,
    )
    return [
        PlacedAdvice(
            each.kind,
            each.sentence,
            [task.ids[name] for name in each.classes],
            [published.labelled[number] for number in each.pictures],
        )
        for each in found
    ]
