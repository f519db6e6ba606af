"""`metaadapter evaluate`: compare methods on the same draws of feature stores."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option

from metaadapter.apps.cli.command_guard import Output
from metaadapter.apps.cli.console import Console
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.bench.evaluation.config import EvaluationConfig
    from metaadapter.bench.run import Evaluation

# The factor of a 95 % interval (Student's t) is 2.8 for five draws, and 12.7 for two.
FEWEST_DRAWS = 5

# The keys of a configuration whose values are lists of names.
LISTS = {"stores", "methods", "strangers", "names", "metrics"}

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
        help="default, closed-form, finetune[@K], peers, pool-peers, meta-peers, towers, a peer, "
        "a folder or FILE.py:FUNCTION, each with @joint and others.",
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
Several = Annotated[
    bool,
    Option("--several", help="The pictures have several labels each, such as fox;snow."),
]
Changes = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="Another key of the configuration, such as pool=balanced, by_group=true or "
        "continual=pooled. Repeatable.",
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
        help="Measure N random cells again, and say whether their figures are equal.",
    ),
]
Strict = Annotated[bool, Option("--strict", help="Exit with code 3 if a check fails.")]


def evaluate(
    stores: Stores = None,
    out: Out = None,
    config: Config = None,
    methods: Methods = None,
    shots: Shots = None,
    seeds: Seeds = None,
    tasks: Tasks = None,
    ways: Ways = None,
    queries: Queries = None,
    several: Several = False,
    changes: Changes = None,
    jobs: Jobs = None,
    device: Device = "cpu",
    audit: Audit = 0,
    strict: Strict = False,
) -> None:
    """Compare methods on the same few-shot tasks of feature stores.

    The folder RUN gets one row for each method, set, number of shots, seed and task; means with
    intervals, paired differences, ranks, and integrity checks. The same command continues after an
    interruption. If you add methods, stores or seeds, it measures only the added ones; it measures
    changed methods again. With --set continual=… the stores are tasks that are learned one
    after the other.
    """
    if out is None:
        raise UsageError("give a folder for the tables: --out RUN")
    values = {
        "stores": [str(store) for store in stores or ()] or None,
        "methods": names(methods),
        **{"seeds": seeds, "tasks": tasks, "ways": ways},
        "several": several or None,
    }
    given = {key: value for key, value in values.items() if value is not None}
    own = [f"shots=[{shots}]"] if shots else []
    own += [f"queries={queries}"] if queries else []
    apply_changes(given, [*own, *(changes or ())])
    console = Console()
    from metaadapter.bench.evaluation.config import load_evaluation

    settings = load_evaluation(config, given)
    run_options = {"device": device, "audit": audit}
    evaluation = run_evaluation(settings, out, console, jobs=jobs, **run_options)
    warn_of(evaluation, console)
    _show(evaluation, console)
    if strict and evaluation.failed:
        console.warn(f"{len(evaluation.failed)} check(s) failed: --strict makes the exit code 3")
        raise Exit(DataError.exit_code)


def run_evaluation(
    config: EvaluationConfig, out: Path, console: Console, jobs: int | None, **options: Any
) -> Evaluation:
    """Measure the cells that are missing in `out`, and show the progress."""
    from joblib import cpu_count

    from metaadapter.bench import run
    from metaadapter.files.progress import Progress, showing

    def tell_step(now: Progress) -> None:
        if now.stage == "tune":
            count.describe(f"measuring: step {now.done} of {now.total}")

    # A method may train for minutes; steps in other processes are not heard.
    with console.counting("measuring") as count, showing(tell_step):
        return run.evaluate(
            config,
            out,
            jobs=jobs or cpu_count(),
            tell=count,
            note=console.warn,
            **options,
        )


def warn_of(evaluation: Evaluation, console: Console) -> None:
    """Warn of classes that are left out, wide intervals and failed checks."""
    config = evaluation.config
    for store, facts in evaluation.sets.items():
        if facts["left_out"]:
            listed = ", ".join(f"{name} ({count})" for name, count in facts["left_out"].items())
            console.warn(
                f"{store}: classes left out, because they have too few pictures for "
                f"{max(config.shots)} shot(s) and a query: {listed}"
            )
    if (n_draws := config.seeds * config.tasks) < FEWEST_DRAWS:
        console.note(
            f"the intervals from {n_draws} draw(s) are wide; publish only figures from "
            f"{FEWEST_DRAWS} or more draws, for example with --seeds {FEWEST_DRAWS}"
        )
    if console.json_output:
        for box in evaluation.failed:  # the text of the result includes them
            console.warn(f"{box.name}: {box.detail}")


def _show(evaluation: Evaluation, console: Console) -> None:
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.evaluation_views import overview
    from metaadapter.bench.report.findings import find

    folder, config = evaluation.folder, evaluation.config
    n_cells = len(config.cells())
    lines = [f"{folder}: {n_cells} cells, {evaluation.n_measured} of them measured now", ""]
    notes = ["", f"Create a report page: metaadapter report {shlex.quote(str(folder))}"]
    if config.several:
        lines, notes = [*lines, *_scores(evaluation)], []
    elif not console.json_output:
        lines += overview(find(EvaluationRun.read(folder)))
    console.show_result("evaluate", evaluation.to_dict(), *lines, notes=notes)


def _scores(evaluation: Evaluation) -> list[str]:
    """Return the mean scores of an evaluation of several labels, which has no report."""
    means = evaluation.figures["means"]
    keys, scores = ["store", "n_shot", "method"], list(dict.fromkeys(means["metric"]))
    wide = means.pivot(index=keys, columns="metric", values="mean")[scores]
    ordered = wide.reindex(means[keys].drop_duplicates().itertuples(index=False, name=None))
    text: str = (100 * ordered).to_string(float_format="{:.1f}".format, sparsify=False)
    return [
        f"Means in %; each draw is a row of {evaluation.folder / 'rows.csv'}",
        "",
        *text.split("\n"),
    ]


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


def apply_changes(given: dict[str, Any], changes: Sequence[str]) -> None:
    """Put the values of `--set` into a configuration; a list may be words between commas."""
    from metaadapter.training.config_file import apply_override

    for change in changes:
        apply_override(given, change)
    for key in LISTS & given.keys():
        if isinstance(given[key], str | int | float):
            given[key] = names([str(given[key])])
