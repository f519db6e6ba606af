"""Continual learners by name, with what each was made with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters
from metaadapter.bench.evaluation.method import UNTRAINED
from metaadapter.bench.evaluation.methods import JOINT, load_method
from metaadapter.bench.peers.meta_trained import MetaPeer
from metaadapter.bench.sequences.learners.fine_tuning import FineTuning
from metaadapter.bench.sequences.learners.learner import Learner
from metaadapter.bench.sequences.learners.library import Library
from metaadapter.bench.sequences.learners.nearest_mean import NearestMean
from metaadapter.bench.sequences.learners.pooled_fit import Fit, PooledFit
from metaadapter.bench.sequences.learners.rail import RAIL
from metaadapter.bench.sequences.learners.ranpac import RanPAC
from metaadapter.bench.sequences.learners.zero_shot import ZeroShot
from metaadapter.bench.sequences.named_learner import NamedLearner
from metaadapter.data.code_identity import code_identity
from metaadapter.data.user_code import explain, is_user_code, load_user_code
from metaadapter.errors import UsageError

LEARNERS: dict[str, Callable[[], Learner[Any]]] = {
    "zero-shot": ZeroShot,
    "nearest mean": NearestMean,
    "fine-tuning": FineTuning,
    "RanPAC": RanPAC,
    "RAIL-primal": lambda: RAIL("primal"),
    "RAIL-dual": lambda: RAIL("dual"),
}
"""The peers, with their authors' settings."""
OF_METHODS: dict[str, Callable[[Fit], Learner[Any]]] = {
    "library": Library,
    "growing": PooledFit,
    "ceiling": lambda fit: PooledFit(fit, sees_every_task=True),
}
"""What makes a learner of a few-shot method: "library@GDA"; of "default" without a name."""
USUAL = ("library", "growing", "peers", "ceiling", "ceiling@GDA")


def resolve_learners(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names with "peers" and "peers@joint" written out, each once, in the order asked for."""
    groups = {f"peers{end}": tuple(f"{name}{end}" for name in LEARNERS) for end in ("", JOINT)}
    return tuple(dict.fromkeys(one for name in names for one in groups.get(name, (name,))))


def load_learner(name: str) -> NamedLearner:
    """A learner by name.

    Args:
        name: A key of `LEARNERS`; "library", "growing" or "ceiling", of the shipped generator or
            with @ and a method behind it, as `load_method` takes them; or FILE.py:CLASS. With
            @joint behind it, it sees the joint block of features alone.

    Raises:
        UsageError: There is no such learner, or it cannot be made.
    """
    if name.endswith(JOINT):
        return replace(load_learner(name.removesuffix(JOINT)), name=name, sees_joint_alone=True)
    if name in LEARNERS:
        learner = LEARNERS[name]()
        return NamedLearner(name, code_identity(type(learner)), learner, UNTRAINED)
    kind, _, method_name = name.partition("@")
    if kind in OF_METHODS:
        method = load_method(method_name or "default")
        if isinstance(method.fit, MetaPeer):
            raise UsageError(
                f"learner {name!r}: {method_name} has weights for the features of one encoder, and "
                "is measured without --continual alone; name another method"
            )
        learner = OF_METHODS[kind](_fit_of(name, method.fit))
        identity = _digest(code_identity(type(learner)) + method.identity)
        return NamedLearner(name, identity, learner, method.meta_training)
    if is_user_code(name):
        return _own_learner(name)
    known = ", ".join([*LEARNERS, *OF_METHODS, *(f"{kind}@METHOD" for kind in OF_METHODS)])
    raise UsageError(
        f"no continual learner {name!r}; there are: {known}, and FILE.py:CLASS; each also with "
        "@joint behind it"
    )


def _fit_of(name: str, fit: Callable[[Support], Any]) -> Fit:
    def adapters(support: Support) -> AdapterWeights:
        return require_adapters(fit(support), support.text_TND.shape, owner=f"learner {name!r}")

    return adapters


def _own_learner(name: str) -> NamedLearner:
    """A subclass of `Learner` in a file of one's own, its faults told as its own."""
    kind = load_user_code(name, kind="learner")
    if not (isinstance(kind, type) and issubclass(kind, Learner)):
        raise UsageError(
            f"learner {name!r} must be a subclass of metaadapter.bench.Learner, got {kind!r}"
        )
    try:
        learner = kind()
    except Exception as error:
        raise UsageError(
            f"learner {name!r} must be made without arguments: {explain(error)}"
        ) from error
    return NamedLearner(name, code_identity(kind), learner, None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
