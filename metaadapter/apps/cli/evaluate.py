"""`metaadapter evaluate`: compare methods on the same draws of feature stores."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer import Exit

from metaadapter.apps.cli import evaluate_options as own
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.evaluate_several import evaluate_several
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.bench.evaluation.config import EvaluationConfig
    from metaadapter.bench.evaluation.run import Evaluation

# The factor of a 95 % interval (Student's t) is 2.8 for five draws, and 12.7 for two.
FEWEST_DRAWS = 5


def evaluate(
    stores: own.Stores = None,
    out: own.Out = None,
    config: own.Config = None,
    methods: own.Methods = None,
    shots: own.Shots = None,
    seeds: own.Seeds = None,
    tasks: own.Tasks = None,
    ways: own.Ways = None,
    queries: own.Queries = None,
    several: own.Several = False,
    changes: own.Changes = None,
    jobs: own.Jobs = None,
    device: own.Device = "cpu",
    audit: own.Audit = 0,
    strict: own.Strict = False,
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
        "methods": own.names(methods),
        "shots": own.whole_numbers(shots),
        **{"seeds": seeds, "tasks": tasks, "ways": ways},
        "queries": own.number_or_all(queries),
    }
    given = {key: value for key, value in values.items() if value is not None}
    own.apply_changes(given, changes or ())
    console = Console()
    if several:
        others = {"config": config, "jobs": jobs, "audit": audit, "strict": strict}
        more = {key: value for key, value in others.items() if value}
        evaluate_several(out, {**given, **more}, console, device=device)
        return
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

    from metaadapter.bench.evaluation import run
    from metaadapter.bench.evaluation.task_bench import TaskBench
    from metaadapter.bench.sequences.sequence_bench import SequenceBench
    from metaadapter.data.training_steps import reporting_steps

    kind = SequenceBench if config.continual else TaskBench

    def tell_step(n_done: int, n_steps: int) -> None:
        count.describe(f"measuring: step {n_done} of {n_steps}")

    # A method may train for minutes; steps in other processes are not heard.
    with console.counting("measuring") as count, reporting_steps(tell_step):
        return run.evaluate(
            config,
            out,
            kind=kind,
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
    from metaadapter.bench.report.evaluation_markdown import overview
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.findings import find
    from metaadapter.bench.sequences.findings import find_continual
    from metaadapter.bench.sequences.report import continual_overview

    folder, is_continual = evaluation.folder, evaluation.config.continual is not None
    lines: list[str] = []
    if not console.json_output:
        n_cells = len(evaluation.config.cells())
        lines = [f"{folder}: {n_cells} cells, {evaluation.n_measured} of them measured now", ""]
        if is_continual:
            lines += continual_overview(find_continual(folder))
        else:
            lines += overview(find(EvaluationRun.read(folder)))
    console.show_result(
        "continual" if is_continual else "evaluate",
        evaluation.to_dict(),
        *lines,
        notes=["", f"Create a report page: metaadapter report {shlex.quote(str(folder))}"],
    )
