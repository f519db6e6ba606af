from __future__ import annotations

from metaadapter.bench.evaluation.method_names import LEARNERS, resolve_learners
from metaadapter.bench.sequences.learner_by_name import PEERS, load_learner


def test_resolve__peers__are_all_of_them_once_also_with_the_joint_features():
    result = resolve_learners(("library", "RanPAC", "peers", "peers@joint"))

    assert result[:2] == ("library", "RanPAC")
    assert set(result) == {"library", *PEERS, *(f"{name}@joint" for name in PEERS)}
    assert set(LEARNERS) == set(PEERS)


def test_load__ceiling__sees_every_task_and_growing_does_not():
    ceiling, growing = (load_learner(f"{name}@GDA").fit for name in ("ceiling", "growing"))

    assert (ceiling.sees_every_task, growing.sees_every_task) == (True, False)
