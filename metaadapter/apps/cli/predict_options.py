"""The options of `metaadapter predict`, beside those that other commands have too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

CsvFile = Annotated[
    Path | None,
    Option(
        "--csv",
        metavar="FILE",
        help="Write a table with the probability of each class, in place of the list. It grows "
        "in FILE.partial, where the same command resumes after an interruption.",
    ),
]
Rank = Annotated[
    str | None, Option(metavar="LABEL", help="Most probable pictures of this class first.")
]
Sort = Annotated[
    Literal["sure", "doubtful"] | None, Option(help="Surest or most doubtful pictures first.")
]
Top = Annotated[int | None, Option(min=1, help="Only the first N of the list.")]
Labelled = Annotated[
    bool,
    Option(
        "--labelled",
        help="The pictures have classes: print how many are predicted correctly. With --reject, "
        "pictures of none of the classes may be in a folder `unknown`.",
    ),
]
Reject = Annotated[
    bool,
    Option("--reject", help="Answer `unknown` for pictures that look like none of the classes."),
]
Sets = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="Also give the set of classes that a picture may show; its own is among them with "
        "this probability, 0.5 to 0.99.",
    ),
]
Together = Annotated[
    bool,
    Option(
        "--together",
        help="Learn from all these pictures together, without labels, before any prediction: "
        "better at one to four labelled pictures a class. Predictions then depend on one another.",
    ),
]
Out = Annotated[
    Path | None,
    Option("--out", "-o", metavar="ADAPTER", help="Keep the adapter of --together here."),
]
