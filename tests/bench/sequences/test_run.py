from __future__ import annotations

import json

import pandas as pd

from metaadapter.bench.run import evaluate
from metaadapter.data.checksums import check_files


def test_run__tables_and_summary__are_written_and_prove_themselves(zoo, plan, tmp_path):
    result = evaluate(plan(*zoo, continual="pooled"), tmp_path / "run")

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
