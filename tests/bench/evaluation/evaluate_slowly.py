"""The program that `test_evaluation_killed.py` starts and kills: STORE RUN. Prints each cell."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.run import evaluate


def tell(done: int, _total: int) -> None:
    print(done, flush=True)
    time.sleep(0.02)


if __name__ == "__main__":
    store, run = sys.argv[1:]
    config = EvaluationConfig(stores=(store,), methods=("zero-shot", "GDA"), seeds=10, shots=(1, 2))
    evaluate(config, Path(run), tell=tell)
