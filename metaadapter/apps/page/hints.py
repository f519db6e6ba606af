"""The hints of a session beside its answers: advice, and groups of look-alikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from metaadapter.apps.advice.kinds import Advice, on_look_alikes
from metaadapter.apps.page.advice_entry import AdviceEntry
from metaadapter.apps.page.alike_strangers import alike_strangers
from metaadapter.apps.page.look_alikes import look_alikes
from metaadapter.apps.page.results import Results
from metaadapter.apps.page.snapshot import Snapshot


@final
class Hints:
    """Advice and look-alikes, each computed once for the same pictures and labels."""

    def __init__(self) -> None:
        # Each is one value, so that another thread never sees half of it.
        self._advice: tuple[object, list[Advice[str]]] = None, []
        self._alike: tuple[tuple[str, ...], list[list[str]]] = (), []

    def advice(
        self, results: Results, snapshot: Snapshot, settled: Mapping[str, AdviceEntry]
    ) -> list[Advice[str]]:
        """Advice on the labelled pictures; none in a project of several labels.

        The last piece is about pictures of the tray that look alike, and like none of the classes.
        """
        task, last = results.task, self._advice
        if task is None or task.several:
            return []
        if last[0] != (key := (task.key, tuple(settled))):
            self._advice = last = key, results.advice(settled)
        dismissed = {picture for entry in settled.values() for picture in entry.pictures}
        strangers = [
            picture
            for picture, answer in results.answers.items()
            if answer.unfamiliar and picture not in dismissed
        ]
        alike = alike_strangers(strangers, snapshot.encoded, task)
        return [*last[1], *([on_look_alikes(alike)] if alike else [])]

    def look_alikes(self, snapshot: Snapshot) -> list[list[str]]:
        """Groups of encoded pictures without a label that look alike, the most alike first."""
        tray = snapshot.tray
        if tuple(tray) != self._alike[0]:
            groups = look_alikes(snapshot.rows(tray)) if tray else []
            self._alike = tuple(tray), [[tray[number] for number in group] for group in groups]
        return self._alike[1]
