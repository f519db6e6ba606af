"""The names of methods and learners: groups, and the suffixes that change a method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from metaadapter.bench.evaluation.methods.picture_methods import PICTURE_METHODS
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.bench.peers.several_labels import SEVERAL_PEERS
from metaadapter.bench.peers.unknown_scores import SCORES

GENERATORS = ("default", "closed-form")
# Gradient steps from the adapter that "default" predicts; after the @ comes the number of steps.
FINE_TUNED, AT = "finetune", "finetune@"
# The method sees only the joint block of features.
JOINT = "@joint"
# The method sees no unlabelled pictures, even if tasks have pools.
LABELLED = "@labelled"
# The labels stay the same, but this score decides whether a picture shows any of the classes.
SCORED = {f"@{score}": score for score in SCORES}

LEARNERS = ("fine-tuning", "RAIL-primal")
"""The continual learners that are peers."""
METHODS_OF_SEVERAL = ("default", *SEVERAL_PEERS)
"""The methods of pictures with several labels; all but the first are peers."""
USUAL_LEARNERS = ("library", "growing", "peers", "ceiling", "ceiling@GDA")


def resolve_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once, in the given order; members replace the name of a group.

    The methods in "all" and "peers" take features of any encoder. So do those in "pool-peers",
    which read the pool of each task. "meta-peers" have weights for the features of one encoder.
    "towers" change the encoder and read the pictures that a store was made from.
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
    """Return the names of learners; members replace "peers" and "peers@joint"."""
    return _written_out(names, {"peers": LEARNERS}, ("", JOINT))


def without_score(name: str) -> str:
    """Return the name of a method without the suffix of its score; its labels are the same."""
    return next((name.removesuffix(end) for end in SCORED if name.endswith(end)), name)


def distinct_methods(names: Sequence[str], reference: str) -> tuple[str, ...]:
    """Keep one of the methods that differ only in their score: the reference, or the first."""
    first: dict[str, str] = {}
    for name in (reference, *names):
        first.setdefault(without_score(name), name)
    return tuple(name for name in names if first[without_score(name)] == name)


def without_suffixes(name: str) -> str:
    """Return the name of a method without the suffixes @joint, @labelled and those of scores."""
    for end in (*SCORED, JOINT, LABELLED):
        if name.endswith(end):
            return without_suffixes(name.removesuffix(end))
    return name


def is_peer(name: str) -> bool:
    """Return whether a method, perhaps with suffixes, is a peer and none of the project's own."""
    return without_suffixes(name) in {*PEERS, *POOL_PEERS, *META_PEERS}


def _written_out(
    names: Iterable[str], groups: Mapping[str, Sequence[str]], suffixes: Sequence[str]
) -> tuple[str, ...]:
    members = {
        name + suffix: tuple(member + suffix for member in group)
        for name, group in groups.items()
        for suffix in suffixes
    }
    return tuple(dict.fromkeys(member for name in names for member in members.get(name, (name,))))
