"""The animals in the series of a project, whose boxes get one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metaadapter.apps.field.animals import Seen, number_animals
from metaadapter.apps.page.contents import PictureEntry


def animals_in(
    pictures: Mapping[str, PictureEntry], series: Mapping[str, str]
) -> list[tuple[str, int] | None]:
    """Return the series of each picture and the number of its animal there; `None` in no series."""
    frames = [entry.crop.frame if entry.crop else key for key, entry in pictures.items()]
    times = dict(zip(frames, ((entry.time or "") for entry in pictures.values()), strict=True))
    in_order = {frame: n for n, frame in enumerate(sorted(times, key=times.__getitem__))}
    seen = [
        Seen(series.get(key), in_order[frame], entry.crop.box if entry.crop else None)
        for frame, (key, entry) in zip(frames, pictures.items(), strict=True)
    ]
    return [
        None if animal is None or one.series is None else (one.series, animal)
        for one, animal in zip(seen, number_animals(seen), strict=True)
    ]


def confidences(pictures: Sequence[PictureEntry]) -> list[float]:
    """The detector's confidence in each picture that is a box; 1 for whole pictures."""
    return [entry.crop.confidence if entry.crop else 1.0 for entry in pictures]
