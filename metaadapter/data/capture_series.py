"""Series of labelled pictures: those that one camera took within a minute of one another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from metaadapter.data.capture_time import capture_time
from metaadapter.data.table import ImageTable

GAP = timedelta(seconds=60)


def with_series(table: ImageTable) -> ImageTable:
    """Return pictures with their series as their group, where no manifest gives them a group.

    A series has pictures of one folder, each taken at most `GAP` after the one before. A picture
    without a time in its EXIF data is in no series.
    """
    folders = defaultdict[Path, list[tuple[datetime, int]]](list)
    for number, row in enumerate(table.rows):
        time = None if row.group else capture_time(row.file)
        if time is not None:
            # A folder may have times with and without an offset, which Python does not compare.
            folders[row.path.parent].append((time.replace(tzinfo=None), number))
    rows = list(table.rows)
    for folder, timed in folders.items():
        before, series = datetime.min, ""
        for time, number in sorted(timed):
            if time - before > GAP:
                series = f"{folder} {time.isoformat()}"
            rows[number] = replace(rows[number], group=series)
            before = time
    return replace(table, rows=tuple(rows))
