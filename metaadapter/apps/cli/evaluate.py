"""`metaadapter evaluate`: methods side by side on the same draws of feature stores."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Exit, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.errors import DataError, UsageError

# Student's factor is 2.8 for five draws, 12.7 for two.
FEWEST_DRAWS = 5


def evaluate(
    stores: Annotated[
        list[Path] | None, Argument(metavar="STORE…", help="Feature stores, each a set of its own.")
    ] = None,
    out: Annotated[
        Path | None, Option("--out", "-o", metavar="RUN", help="Folder of the tables.")
    ] = None,
    config: Annotated[
        Path | None,
        Option(metavar="FILE", help="Configuration (.toml); options replace its values."),
    ] = None,
    methods: Annotated[
        list[str] | None,
        Option(
            metavar="NAME,…",
            help="default, closed-form, finetune, finetune@K (K steps), peers (all that take any "
            "encoder), pool-peers (that read --pool), meta-peers, towers (that change the encoder, "
            "for which they open the pictures of the store), a peer, the folder of a generator or "
            "meta-trained peer, FILE.py:FUNCTION; @joint behind a name shows it the joint features "
            "alone, @labelled no pool; @msp, @energy, @mcm, @neglabel, @mahalanobis, @prototype "
            "tell strangers by that score; repeatable.",
            show_default="default,peers",
        ),
    ] = None,
    shots: Annotated[
        str | None,
        Option(metavar="K,…", help="Labelled pictures a class.", show_default="1,2,4,8,16"),
    ] = None,
    seeds: Annotated[int | None, Option(min=1, help="How many draws.", show_default="5")] = None,
    tasks: Annotated[int | None, Option(min=1, help="Tasks of a draw.", show_default="1")] = None,
    ways: Annotated[
        int | None, Option(min=2, help="Classes of a task.", show_default="all")
    ] = None,
    queries: Annotated[
        str | None,
        Option(metavar="N|all", help="Pictures to classify, a class.", show_default="all"),
    ] = None,
    unknown: Annotated[
        float | None,
        Option(min=0, max=1, help="Fraction of classes kept from the methods, to be told apart."),
    ] = None,
    strangers: Annotated[
        list[str] | None,
        Option(
            metavar="STORE,…",
            help="Stores whose pictures show none of a task's classes, to be told apart, too; "
            "repeatable.",
        ),
    ] = None,
    pool: Annotated[
        Literal["balanced", "skewed", "strangers"] | None,
        Option(
            help="Unlabelled pictures beside each task, for methods that read them: equally many "
            "of each class, in skewed shares (with --queries N), or with 40 % of other classes "
            "(with --ways N).",
        ),
    ] = None,
    pool_size: Annotated[
        str | None,
        Option(
            metavar="N|N-N",
            help="Unlabelled pictures a class; of a range such as 1-40 each task draws its own "
            "number, log-uniformly.",
            show_default="15",
        ),
    ] = None,
    base_to_new: Annotated[
        bool, Option("--base-to-new", help="Adapt on half the classes, judge both halves.")
    ] = False,
    continual: Annotated[
        Literal["task-incremental", "class-incremental", "pooled"] | None,
        Option(
            help="Learn the stores one after the other as tasks: the task of a query is told; or "
            "the classes of all tasks learned so far are possible; or those of all tasks. Then "
            "--methods are library, growing, ceiling (@METHOD behind them), a peer of these, "
            "peers, FILE.py:CLASS.",
        ),
    ] = None,
    splits: Annotated[
        int | None,
        Option(min=1, help="Tasks that the classes of each store make.", show_default="1"),
    ] = None,
    shuffle: Annotated[
        bool, Option("--shuffle", help="Draw an order of the tasks with each seed.")
    ] = False,
    support_from: Annotated[
        Path | None, Option(metavar="STORE", help="Labelled pictures from this store …")
    ] = None,
    queries_from: Annotated[
        Path | None, Option(metavar="STORE", help="… and pictures to classify from this one.")
    ] = None,
    reference: Annotated[
        str | None,
        Option(
            metavar="NAME", help="Method that others are held against.", show_default="the first"
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        Option(
            metavar="FILE.py:FUNCTION",
            help="A metric of your own, of probabilities and classes; repeatable.",
        ),
    ] = None,
    jobs: Annotated[
        int | None, Option(min=1, help="Processes of one thread.", show_default="one a core")
    ] = None,
    device: Annotated[
        str, Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, …: where to calculate.")
    ] = "cpu",
    csv_raw: options.CsvRaw = False,
    strict: Annotated[
        bool, Option("--strict", help="End with 3 if an integrity check fails.")
    ] = False,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure methods on the same few-shot tasks of feature stores.

    The folder holds one row a method, set, number of shots, seed and task, means with intervals,
    paired differences, ranks, and checks of integrity. The same command goes on after an
    interruption; with more methods, stores or seeds it measures those alone. Cells of a method that
    has changed are measured again. With --continual the stores are tasks that are learned one after
    the other.
    """
    if out is None:
        raise UsageError("give the folder of the tables: --out RUN")
    if pool_size is not None and pool is None and config is None:
        raise UsageError("--pool-size goes with --pool balanced, skewed or strangers")
    given = {
        "stores": [str(store) for store in stores or ()] or None,
        "methods": _names(methods),
        "shots": None if shots is None else _whole_numbers(shots),
        "seeds": seeds,
        "tasks": tasks,
        "ways": ways,
        "queries": _number_or_all(queries),
        "unknown": unknown,
        "strangers": _names(strangers),
        "pool": pool,
        "pool_size": None if pool_size is None else _number_or_range(pool_size),
        "base_to_new": base_to_new or None,
        "continual": continual,
        "splits": splits,
        "shuffle": shuffle or None,
        "support_from": None if support_from is None else str(support_from),
        "queries_from": None if queries_from is None else str(queries_from),
        "reference": reference,
        "metrics": _names(metrics),
    }
    from joblib import cpu_count

    from metaadapter.bench.evaluation.config import load_evaluation
    from metaadapter.bench.evaluation.run import evaluate as measure
    from metaadapter.bench.report.evaluation_markdown import overview
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.findings import find
    from metaadapter.bench.sequences.findings import find_continual
    from metaadapter.bench.sequences.markdown import continual_overview
    from metaadapter.bench.sequences.run import evaluate_continual

    console = Console(quiet=quiet, json_output=json_output)
    given = {key: value for key, value in given.items() if value is not None}
    settings = load_evaluation(config, given)
    with console.counting("measuring") as tell:
        found = (evaluate_continual if settings.continual else measure)(
            settings,
            out,
            jobs=jobs or cpu_count(),
            device=device,
            csv_raw=csv_raw,
            tell=tell,
            note=console.warn,
        )
    for store, facts in found.sets.items():
        if facts["left_out"]:
            listed = ", ".join(f"{name} ({count})" for name, count in facts["left_out"].items())
            console.warn(
                f"{store}: classes left out, with too few pictures for {max(settings.shots)} "
                f"shot(s) and a query: {listed}"
            )
    if (n_draws := settings.seeds * settings.tasks) < FEWEST_DRAWS:
        console.note(
            f"{n_draws} draw(s) make wide intervals; --seeds "
            f"{FEWEST_DRAWS} or more make some that can be printed"
        )
    if json_output:
        for box in found.failed:  # the text of the result has them
            console.warn(f"{box.name}: {box.detail}")
        print_document("continual" if settings.continual else "evaluate", found.to_dict())
    else:
        n_cells = len(found.config.cells())
        console.result(f"{out}: {n_cells} cells, {found.n_measured} of them measured now", "")
        if settings.continual:
            console.result(*continual_overview(find_continual(out)))
        else:
            console.result(*overview(find(EvaluationRun.read(out))))
        console.note("", f"A page to read: metaadapter report {shlex.quote(str(out))}")
    if strict and found.failed:
        console.warn(f"{len(found.failed)} check(s) failed, so --strict ends with 3")
        raise Exit(DataError.exit_code)


def _names(given: list[str] | None) -> list[str] | None:
    """Names that were given one by one, or separated by commas."""
    return [name.strip() for each in given or () for name in each.split(",")] or None


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--shots expects whole numbers such as 1,4,16, got {text!r}") from None


def _number_or_all(text: str | None) -> int | str | None:
    if text is None or text == "all":
        return text
    if not text.isdecimal():
        raise UsageError(f"--queries expects a whole number or all, got {text!r}")
    return int(text)


def _number_or_range(text: str) -> int | list[int]:
    try:
        first, *others = (int(end) for end in text.split("-"))
    except ValueError:
        raise UsageError(
            f"--pool-size expects a whole number or a range such as 1-40, got {text!r}"
        ) from None
    return [first, *others] if others else first
