from __future__ import annotations

from metaadapter.bench.evaluation.method_names import LEARNERS, resolve_learners
from metaadapter.bench.sequences.learner_by_name import PEERS


def test_resolve__peers__are_all_of_them_once_also_with_the_joint_features():
    result = resolve_learners(("library", "RanPAC", "peers", "peers@joint"))

    assert result[:2] == ("library", "RanPAC")
    assert set(result) == {"library", *PEERS, *(f"{name}@joint" for name in PEERS)}
    assert set(LEARNERS) == set(PEERS)
