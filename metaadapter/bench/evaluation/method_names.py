"""Names of methods and learners: groups, and the suffixes that change what a method sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from metaadapter.bench.evaluation.picture_methods import PICTURE_METHODS
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.bench.peers.unknown_scores import SCORES

GENERATORS = ("default", "closed-form")
# Gradient steps from the adapter that "default" predicts; with a number, exactly so many.
FINE_TUNED, AT = "finetune", "finetune@"
# The method sees the joint features alone, without further blocks.
JOINT = "@joint"
# The method sees no unlabelled pictures, where tasks have pools.
LABELLED = "@labelled"
# The answers stay; this score decides whether a picture shows any of the classes.
SCORED = {f"@{score}": score for score in SCORES}

LEARNERS = ("zero-shot", "nearest mean", "fine-tuning", "RanPAC", "RAIL-primal", "RAIL-dual")
"""Continual learners that are peers."""
USUAL_LEARNERS = ("library", "growing", "peers", "ceiling", "ceiling@GDA")


def resolve_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of methods with groups written out, each name once, in the given order.

    "all" and "peers" take features of any encoder. So do "pool-peers", which read the pool of each
    task. "meta-peers" have weights for the features of one encoder. "towers" change the encoder and
    read the pictures that a store was made of.
    """
    groups = {
        "all": (*GENERATORS, FINE_TUNED, *PEERS),
        "peers": tuple(PEERS),
        "pool-peers": tuple(POOL_PEERS),
        "meta-peers": tuple(META_PEERS),
        "towers": tuple(PICTURE_METHODS),
    }
    return _written_out(names, groups, ("", JOINT, LABELLED, *SCORED))


def resolve_learners(names: Iterable[str]) -> tuple[str, ...]:
    """The names of learners with "peers" and "peers@joint" written out."""
    return _written_out(names, {"peers": LEARNERS}, ("", JOINT))


def without_score(name: str) -> str:
    """The method that gives the same answers, without the score that judges known pictures."""
    return next((name.removesuffix(end) for end in SCORED if name.endswith(end)), name)


def distinct_methods(names: Sequence[str], reference: str) -> tuple[str, ...]:
    """One of all methods that give the same answers: the reference, or else the first one."""
    first: dict[str, str] = {}
    for name in (reference, *names):
        first.setdefault(without_score(name), name)
    return tuple(name for name in names if first[without_score(name)] == name)


def without_suffixes(name: str) -> str:
    """The method without @joint, @labelled and scores after its name."""
    for end in (*SCORED, JOINT, LABELLED):
        if name.endswith(end):
            return without_suffixes(name.removesuffix(end))
    return name


def _written_out(
    names: Iterable[str], groups: Mapping[str, Sequence[str]], suffixes: Sequence[str]
) -> tuple[str, ...]:
    members = {
        name + suffix: tuple(member + suffix for member in group)
        for name, group in groups.items()
        for suffix in suffixes
    }
    return tuple(dict.fromkeys(member for name in names for member in members.get(name, (name,))))
