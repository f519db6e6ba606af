"""Loads continual learners by name, with the record of the data that they were made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters
from metaadapter.bench.evaluation.methods.method import UNTRAINED, Measured
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.methods.method_names import JOINT
from metaadapter.bench.peers.meta_trained import MetaPeer
from metaadapter.bench.sequences.learner import Learner
from metaadapter.bench.sequences.library import Fit, Library, PooledFit
from metaadapter.bench.sequences.peers import RAIL, FineTuning
from metaadapter.errors import UsageError
from metaadapter.files.code_identity import code_identity
from metaadapter.files.user_code import explain, is_user_code, load_user_code

PEERS: dict[str, Callable[[], Learner[Any]]] = {"fine-tuning": FineTuning, "RAIL-primal": RAIL}
"""The learners in `method_names.LEARNERS`, with their authors' settings."""
OF_METHODS: dict[str, Callable[[Fit], Learner[Any]]] = {
    "library": Library,
    "growing": PooledFit,
    "ceiling": lambda fit: PooledFit(fit, sees_every_task=True),
}
"""Learners that use a few-shot method, as "library@GDA" does; "library" uses "default"."""


def load_learner(name: str) -> Measured:
    """Load a `Learner` by name, as the `fit` of a method; raise `UsageError` for an unknown name.

    Names are the keys of `PEERS`; "library", "growing" and "ceiling", each perhaps with @ and the
    name of a method for `load_method`; and FILE.py:CLASS. A learner with @joint at the end of its
    name sees only the joint block of features.
    """
    if name.endswith(JOINT):
        return replace(load_learner(name.removesuffix(JOINT)), name=name, sees_joint_alone=True)
    if name in PEERS:
        return Measured(name, "", PEERS[name](), UNTRAINED)
    kind, _, method_name = name.partition("@")
    if kind in OF_METHODS:
        method = load_method(method_name or "default")
        if isinstance(method.fit, MetaPeer):
            raise UsageError(
                f"learner {name!r}: {method_name} has weights for the features of one encoder, so "
                "it can be measured only without continual; name another method"
            )
        learner = OF_METHODS[kind](_fit_of(name, method.fit))
        return Measured(name, method.identity, learner, method.meta_training)
    if is_user_code(name):
        return _own_learner(name)
    known = ", ".join([*PEERS, *OF_METHODS, *(f"{kind}@METHOD" for kind in OF_METHODS)])
    raise UsageError(
        f"no continual learner {name!r}; there are: {known}, and FILE.py:CLASS; a name may end "
        "with @joint"
    )


def _fit_of(name: str, fit: Callable[[Support], Any]) -> Fit:
    def adapters(support: Support) -> AdapterWeights:
        return require_adapters(fit(support), support.text_TND.shape, owner=f"learner {name!r}")

    return adapters


def _own_learner(name: str) -> Measured:
    """Load a subclass of `Learner` from the user's file."""
    kind = load_user_code(name, kind="learner")
    if not (isinstance(kind, type) and issubclass(kind, Learner)):
        raise UsageError(
            f"learner {name!r} must be a subclass of metaadapter.bench.Learner, not {kind!r}"
        )
    try:
        learner = kind()
    except Exception as error:
        raise UsageError(
            f"learner {name!r} cannot be created without arguments: {explain(error)}"
        ) from error
    return Measured(name, code_identity(kind), learner, None)
