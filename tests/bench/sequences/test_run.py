from __future__ import annotations

import json
import pickle

import pandas as pd
import pytest
import torch

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.processes import _measure
from metaadapter.bench.sequences.sequence_bench import SequenceBench, evaluate_continual
from metaadapter.data.checksums import check_files
from metaadapter.errors import DataError, UsageError


def test_run__tables_and_summary__are_written_and_prove_themselves(zoo, plan, tmp_path):
    result = evaluate_continual(plan(*zoo, continual="pooled"), tmp_path / "run")

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert len(rows) == 2 * 2 * 2 * 4  # learners, shots, seeds, cells of the matrix
    assert list(dict.fromkeys(rows["store"])) == ["pets", "toys"]
    assert result.n_measured == 8
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    assert {row["measure"] for row in summary["figures"]} == {
        *("last", "average", "transfer", "forgetting", "identification", "bytes_a_class")
    }
    assert all(problem == "" for _, problem in check_files(tmp_path / "run"))
    draws = pd.read_csv(tmp_path / "run" / "draws.csv.gz")
    assert draws.groupby(["seed", "task"])["store"].first().tolist() == ["pets", "toys"] * 2


def test_run__given_again__measures_nothing_and_more_seeds_alone(zoo, plan, tmp_path):
    first = evaluate_continual(plan(*zoo), tmp_path / "run")

    again = evaluate_continual(plan(*zoo), tmp_path / "run")
    more = evaluate_continual(plan(*zoo, seeds=3), tmp_path / "run")

    assert (again.n_measured, more.n_measured) == (0, 4)
    pd.testing.assert_frame_equal(again.figures, first.figures)


def test_run__interrupted__goes_on_after_the_last_finished_cell(zoo, plan, tmp_path):
    def stop(done, _total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_continual(plan(*zoo), tmp_path / "run", tell=stop)

    assert evaluate_continual(plan(*zoo), tmp_path / "run").n_measured == 5


def test_cell__in_a_process_of_its_own__is_the_same(zoo, plan):
    bench = SequenceBench(plan(*zoo), torch.device("cpu"))
    cell = bench.config.cells()[-1]

    # What a process is sent, and what it does with it.
    sent = pickle.loads(pickle.dumps((type(bench), bench.config, bench.device, cell)))

    assert _measure(*sent) == (cell, bench.measure(cell))


@pytest.mark.parametrize(
    "changes", [{"continual": "pooled"}, {"splits": 1}, {"shuffle": True}, {"queries": 2}]
)
def test_run__another_protocol__needs_another_folder(zoo, plan, tmp_path, changes):
    evaluate_continual(plan(zoo[0], splits=2), tmp_path / "run")

    with pytest.raises(DataError, match="holds another evaluation"):
        evaluate_continual(plan(zoo[0], **{"splits": 2} | changes), tmp_path / "run")


def test_run__same_pictures_in_two_tasks__fails_the_check(make_store, plan, tmp_path):
    counts, same = {"ant": 5, "bee": 5}, [f"picture-{number}" for number in range(10)]
    orders = {"one": same, "two": same[::-1]}
    stores = [make_store(name, counts, sha256=sha256).folder for name, sha256 in orders.items()]

    result = evaluate_continual(plan(*map(str, stores)), tmp_path / "run")

    assert [box.name for box in result.failed] == ["support and queries apart"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": 2}, "cannot be combined with tasks, unknown, pool, base_to_new or by_group"),
        (
            {"pool": "balanced"},
            "cannot be combined with tasks, unknown, pool, base_to_new or by_group",
        ),
        ({"metrics": ("a.py:b",)}, "takes single stores and no metrics, got a.py:b"),
        ({"continual": None, "methods": ("GDA",), "splits": 2}, "need continual"),
        ({"continual": "online"}, "task-incremental"),
    ],
)
def test_config__what_a_sequence_does_not_have__is_refused(zoo, plan, changes, message):
    with pytest.raises(DataError, match=message):
        plan(*zoo, **changes)


def test_config__without_methods__takes_the_usual_learners(zoo):
    config = EvaluationConfig(stores=zoo, continual="pooled")
    assert config.reference_name == "library"
    assert {"growing", "RanPAC", "ceiling", "ceiling@GDA"} < set(config.method_names)
    assert len(config.cells()) == len(config.method_names) * 5 * 5


def test_run__device_other_than_the_cpu__is_refused(zoo, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "metaadapter.bench.evaluation.run.choose_device", lambda _name: torch.device("meta")
    )
    with pytest.raises(UsageError, match="--continual computes on the CPU only"):
        evaluate_continual(plan(*zoo), tmp_path / "run", device="cuda")
