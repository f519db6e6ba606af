"""The options of `metaadapter evaluate`, and the parsers of their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from metaadapter.apps.cli.outputs import Output
from metaadapter.errors import UsageError

Stores = Annotated[
    list[Path] | None,
    Argument(
        metavar="STORE…",
        help="Feature stores; each is one set. SUPPORT@QUERY is one set of two stores: labelled "
        "pictures are from the first, queries and pools from the second.",
    ),
]
Out = Annotated[
    Path | None, Option("--out", "-o", metavar="RUN", help="Folder of the tables."), Output()
]
Config = Annotated[
    Path | None, Option(metavar="FILE", help="Configuration (.toml); options replace its values.")
]
Methods = Annotated[
    list[str] | None,
    Option(
        metavar="NAME,…",
        help="default, closed-form, finetune, finetune@K (K steps), peers (for any encoder), "
        "pool-peers (which read --pool), meta-peers, towers (which change the encoder and open the "
        "pictures of the store), a peer, the folder of a generator or meta-trained peer, or "
        "FILE.py:FUNCTION. Suffixes: NAME@joint gets only the joint features, NAME@labelled no "
        "pool; with @msp, @energy, @mcm, @neglabel, @mahalanobis or @prototype, this score "
        "separates known pictures from strangers. Repeatable.",
        show_default="default,peers",
    ),
]
Shots = Annotated[
    str | None,
    Option(metavar="K,…", help="Labelled pictures of each class.", show_default="1,2,4,8,16"),
]
Seeds = Annotated[int | None, Option(min=1, help="Number of draws.", show_default="5")]
Tasks = Annotated[int | None, Option(min=1, help="Tasks of each draw.", show_default="1")]
Ways = Annotated[int | None, Option(min=2, help="Classes of each task.", show_default="all")]
Queries = Annotated[
    str | None, Option(metavar="N|all", help="Queries of each class.", show_default="all")
]
Unknown = Annotated[
    float | None,
    Option(min=0, max=1, help="Fraction of classes to hide, whose pictures become near strangers."),
]
Strangers = Annotated[
    list[str] | None,
    Option(
        metavar="STORE,…",
        help="Stores from which pictures of other classes are added to the queries as far "
        "strangers; repeatable.",
    ),
]
Pool = Annotated[
    Literal["balanced", "skewed", "strangers"] | None,
    Option(
        help="Unlabelled pictures of each task, for methods that read them. balanced: the same "
        "number from each class; skewed: unequal fractions (needs --queries N); strangers: 40 % "
        "from other classes (needs --ways N).",
    ),
]
PoolSize = Annotated[
    str | None,
    Option(
        metavar="N|N-N",
        help="Number of unlabelled pictures per class; with a range such as 1-40 each task draws "
        "its own number, log-uniformly.",
        show_default="15",
    ),
]
ByGroup = Annotated[
    bool,
    Option(
        "--by-group",
        help="Take labelled pictures from some groups of a store (its column group: camera, "
        "series, day), queries and pools from others.",
    ),
]
FewerShots = Annotated[
    bool,
    Option(
        "--fewer-shots",
        help="With --by-group: a class with too few groups for its shots gives those that it has; "
        "else it is left out.",
    ),
]
BaseToNew = Annotated[
    bool, Option("--base-to-new", help="Adapt on half of the classes, and score both halves.")
]
Several = Annotated[
    bool,
    Option(
        "--several",
        help="The pictures of the stores have several labels each, such as fox;snow: compare the "
        "generator and four peers by mean average precision, F1 and calibration.",
    ),
]
Continual = Annotated[
    Literal["task-incremental", "class-incremental", "pooled"] | None,
    Option(
        help="Learn the stores one after the other as tasks. A query may belong to a class of its "
        "task (task-incremental), of any task learned so far (class-incremental) or of any task "
        "(pooled). --methods are then library, growing, ceiling (also with @METHOD), peers, one of "
        "these peers, or FILE.py:CLASS.",
    ),
]
Splits = Annotated[
    int | None,
    Option(min=1, help="Split the classes of each store into this many tasks.", show_default="1"),
]
Shuffle = Annotated[bool, Option("--shuffle", help="Draw a new order of the tasks for each seed.")]
Names = Annotated[
    list[str] | None,
    Option(
        metavar="LEVEL,…",
        help="Quality of the class names; each set is measured once at each level. own: the "
        "encoder's; a number: the mean of a class's pictures, with noise of this length (through "
        "tiny on three test sets, 0.6 gives the names alone an accuracy of 88 %, 4 gives 75 % and "
        "8 gives 51 %); noise: noise alone; cone:LEVEL: with features in CLIP's two cones. All but "
        "own are made from the pictures, queries included, and simulate an encoder.",
        show_default="own",
    ),
]
Reference = Annotated[
    str | None,
    Option(
        metavar="NAME", help="Compare other methods with this method.", show_default="the first"
    ),
]
Metrics = Annotated[
    list[str] | None,
    Option(
        metavar="FILE.py:FUNCTION",
        help="Your own metric, a function of probabilities and classes; repeatable.",
    ),
]
Tree = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="Label tree of the classes, as for adapt --tree: also give accuracy by level, the "
        "distance of mistakes in the tree, and how often and how deep sure answers are right.",
    ),
]
Jobs = Annotated[
    int | None, Option(min=1, help="Number of one-thread processes.", show_default="one per core")
]
Device = Annotated[
    str, Option(metavar="NAME", help="Where to calculate: auto, cpu, cuda, cuda:1, ….")
]
Audit = Annotated[
    int,
    Option(
        metavar="N",
        min=0,
        help="Measure N random cells of the folder again, whoever measured them, and say whether "
        "their figures are equal.",
    ),
]
Strict = Annotated[bool, Option("--strict", help="Exit with code 3 if a check fails.")]


def names(texts: list[str] | None) -> list[str] | None:
    """Return the names in a repeated option, which may be separated by commas.

    A generator on the hub gets its commit, so that all processes measure the same one.
    """
    given = [name.strip() for text in texts or () for name in text.split(",")]
    return [_at_its_commit(name) for name in given] or None


def _at_its_commit(name: str) -> str:
    if not name.startswith("hf-hub:") or "@" in name:
        return name
    from metaadapter.generator.pretrained import recorded_name

    return recorded_name(name)


def whole_numbers(text: str | None) -> list[int] | None:
    """Parse the value of --shots."""
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--shots expects whole numbers such as 1,4,16, got {text!r}") from None


def number_or_all(text: str | None) -> int | str | None:
    """Parse the value of --queries."""
    if text is None or text == "all":
        return text
    if not text.isdecimal():
        raise UsageError(f"--queries expects a whole number or all, got {text!r}")
    return int(text)


def number_or_range(text: str | None) -> int | list[int] | None:
    """Parse the value of --pool-size."""
    if text is None:
        return None
    try:
        first, *others = (int(end) for end in text.split("-"))
    except ValueError:
        raise UsageError(
            f"--pool-size expects a whole number or a range such as 1-40, got {text!r}"
        ) from None
    return [first, *others] if others else first
