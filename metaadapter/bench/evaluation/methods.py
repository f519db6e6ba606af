"""Whatever is measured, behind one face: peers, generators and methods of one's own by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, require_adapters
from metaadapter.bench.evaluation.method import (
    CLOSED_FORM,
    META_PEERS_STUDIED,
    UNTRAINED,
    Method,
    read_meta_training,
)
from metaadapter.bench.evaluation.picture_methods import (
    INSIDE_CHOSEN_ON,
    LABELLED_ALONE,
    PICTURE_METHODS,
    TOWER_PEERS,
)
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS, PoolPeer
from metaadapter.bench.peers.meta_trained import (
    META_PEERS,
    is_meta_peer,
    load_meta_peer,
    shipped_folder,
)
from metaadapter.bench.peers.unknown.by_name import READ_WORDS, SCORES
from metaadapter.data.code_identity import code_identity
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.user_code import explain, is_user_code, load_user_code, user_code_and_folder
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import SHIPPED, generator_id, load_generator
from metaadapter.workflow.fine_tuning import fine_tune
from metaadapter.workflow.gradient_steps import FineTune

GENERATORS = ("default", "closed-form")
# The gradient path of the generator that ships; with a number after it, exactly so many steps.
FINE_TUNED, AT = "finetune", "finetune@"
MOST_STEPS = 10_000
# Behind the name of a method or group: shown the joint features alone, whatever else there is.
JOINT = "@joint"
# Likewise: without the unlabelled pictures, where tasks have pools.
LABELLED = "@labelled"
# Likewise: the same answers, but whether a picture is of no class is told by another score.
SCORED = {f"@{score}": score for score in SCORES}
UNTRAINED_PEERS: dict[str, PoolPeer] = {**PEERS, **POOL_PEERS}
KNOWN = (*GENERATORS, FINE_TUNED, f"{AT}K", *UNTRAINED_PEERS, *META_PEERS, *PICTURE_METHODS)
# Peers that train without a torch optimizer: numbers trained for N classes of width D.
TRAINED_BY_HAND: dict[str, Callable[[int, int], int]] = {
    "LP++": lambda n_way, width: n_way * (width + 2),
    "logistic probe": lambda n_way, width: n_way * (width + 1),
    "self-training": lambda n_way, width: n_way * (width + 1),
}


def load_method(name: str) -> Method:
    """A method by name.

    Args:
        name: A key of `PEERS`, `POOL_PEERS`, `META_PEERS` or `PICTURE_METHODS`, "default",
            "closed-form", "finetune" (gradient steps from what "default" predicts, as many as the
            support bears out), "finetune@K" (K steps from there), FILE.py:FUNCTION or the folder of
            a generator or of a meta-trained peer; with @joint behind it, it sees the joint block of
            features alone, with @labelled no pool of unlabelled pictures; and with @ and a key of
            `SCORES` it tells by that score whether a picture shows any of the classes.

    Raises:
        UsageError: There is no such method, or K is no whole number from 0 to 10000.
    """
    if name.endswith(JOINT):
        bare = load_method(name.removesuffix(JOINT))
        if bare.fit_pictures is not None:
            raise UsageError(
                f"{bare.name} uses the encoder itself, with all of its blocks: leave {JOINT} out, "
                "or evaluate a store of joint features alone"
            )
        return replace(bare, name=name, sees_joint_alone=True)
    if name.endswith(LABELLED):
        bare = load_method(name.removesuffix(LABELLED))
        return replace(bare, name=name, sees_labelled_alone=True)
    if (bare_name := without_score(name)) != name:
        score = SCORED[name.removeprefix(bare_name)]
        bare = load_method(bare_name)
        return replace(
            bare,
            name=name,
            identity=_digest(bare.identity + code_identity(SCORES[score])),
            unknown_score=SCORES[score],
            reads_words=score in READ_WORDS,
        )
    if name in UNTRAINED_PEERS:
        peer, by_hand = UNTRAINED_PEERS[name], TRAINED_BY_HAND.get(name)
        return Method(name, code_identity(peer), peer, UNTRAINED, trained_by_hand=by_hand)
    if name in META_PEERS or (name not in GENERATORS and is_meta_peer(Path(name))):
        meta_peer = load_meta_peer(name)
        folder = shipped_folder(name) if name in META_PEERS else Path(name)
        card = read_meta_training(folder, META_PEERS_STUDIED)
        # tools/train_peers.py trains them on the joint features.
        return Method(name, meta_peer.identity, meta_peer, card, sees_joint_alone=True)
    if name == FINE_TUNED or name.startswith(AT):
        settings, start = FineTune(n_steps=_asked_steps(name)), load_generator("default")
        code = code_identity(fine_tune, type(start))
        return Method(
            name,
            _digest(code + repr(settings) + generator_id(start)),
            lambda support: fine_tune(start, support, settings).weights,
            read_meta_training(SHIPPED, CLOSED_FORM.chosen_on),
        )
    if name in PICTURE_METHODS:
        fit, card, identity = PICTURE_METHODS[name], UNTRAINED, code_identity(PICTURE_METHODS[name])
        if name not in TOWER_PEERS:
            identity = _digest(identity + generator_id(load_generator("default")))
            card = read_meta_training(SHIPPED, CLOSED_FORM.chosen_on | INSIDE_CHOSEN_ON)
        return Method(
            name,
            identity,
            _needs_pictures,
            card,
            sees_labelled_alone=name in LABELLED_ALONE,
            fit_pictures=fit,
        )
    if is_user_code(name):
        return _own_method(name)
    try:
        generator = load_generator(name)
    except UsageError as error:
        known = ", ".join(KNOWN)
        raise UsageError(
            f"no method {name!r}{_alike(name)}; there are: {known}, folders of generators and of "
            "meta-trained peers, and FILE.py:FUNCTION; each also with @joint, @labelled or "
            f"{', '.join(SCORED)} behind it"
        ) from error
    folder = SHIPPED if name == "default" else Path(name)
    constants = CLOSED_FORM.chosen_on if isinstance(generator, Generator) else frozenset[str]()
    card = CLOSED_FORM if name == "closed-form" else read_meta_training(folder, constants)
    identity = _digest(code_identity(type(generator)) + generator_id(generator))
    return Method(name, identity, generator.predict, card)


def _needs_pictures(_support: Support) -> AdapterWeights:
    raise UsageError("a method that sees pictures cannot be fitted to their features alone")


def resolve_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names with groups written out, each once, in the order asked for.

    "all" and "peers" take features of any encoder, and so do "pool-peers", which read the pool of
    each task; "meta-peers" have weights for the features of one encoder; "towers" change the
    encoder, for which they read the pictures that a store was made of.
    """
    groups = {
        "all": (*GENERATORS, FINE_TUNED, *PEERS),
        "peers": tuple(PEERS),
        "pool-peers": tuple(POOL_PEERS),
        "meta-peers": tuple(META_PEERS),
        "towers": tuple(PICTURE_METHODS),
    }
    groups |= {
        name + suffix: tuple(one + suffix for one in group)
        for name, group in groups.items()
        for suffix in (JOINT, LABELLED, *SCORED)
    }
    return tuple(dict.fromkeys(one for name in names for one in groups.get(name, (name,))))


def without_score(name: str) -> str:
    """The method that gives the same answers; itself, if it is judged by no other score."""
    return next((name.removesuffix(end) for end in SCORED if name.endswith(end)), name)


def answering(names: Sequence[str], reference: str) -> tuple[str, ...]:
    """One of the methods for each that gives the same answers: the reference, else the first."""
    first: dict[str, str] = {}
    for name in (reference, *names):
        first.setdefault(without_score(name), name)
    return tuple(name for name in names if first[without_score(name)] == name)


def bare(name: str) -> str:
    """The method without anything that may stand behind its name."""
    for end in (*SCORED, JOINT, LABELLED):
        if name.endswith(end):
            return bare(name.removesuffix(end))
    return name


def _alike(name: str) -> str:
    """A name that may have been meant."""
    if name.endswith(".py"):
        return f" (a function of a file is named {name}:FUNCTION)"
    names = {each.casefold(): each for each in KNOWN}
    close = get_close_matches(name.casefold(), names, n=1)
    return f" (did you mean {names[close[0]]}?)" if close else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _asked_steps(name: str) -> int | None:
    """K of "finetune@K"; None of "finetune"."""
    if name == FINE_TUNED:
        return None
    number = name.removeprefix(AT)
    # One spelling a number: the rows of a report are told apart by the names of methods.
    if not re.fullmatch(r"0|[1-9][0-9]{0,4}", number) or int(number) > MOST_STEPS:
        raise UsageError(
            f"method {name!r}: expected a whole number of steps from 0 to {MOST_STEPS} after the "
            f"@, such as {AT}20, got {number!r}"
        )
    return int(number)


def _own_method(name: str) -> Method:
    """A function of a support, or a subclass of `AdapterGenerator`, as FILE.py:NAME names it.

    After the name of a class @FOLDER may follow with its weights.
    """
    code, _ = user_code_and_folder(name)
    function = found = load_user_code(code, kind="method")
    if isinstance(found, type) and issubclass(found, AdapterGenerator):
        generator = load_generator(name)
        function, identity = generator.predict, generator_id(generator)
    elif callable(found):
        # It computes with the support's own methods, whether or not its file imports the class.
        identity = code_identity(Path(code.rpartition(":")[0]), Support)
    else:
        raise UsageError(f"method {name!r} must be a function of a support, got {found!r}")

    def fit(support: Support) -> AdapterWeights:
        try:
            weights = function(support)
        except Exception as error:
            if is_shortage(error):
                raise
            n_tasks, n_way, n_shot = support.support_mask_TNK.shape
            raise UsageError(
                f"method {name!r} failed on {n_tasks} task(s) of {n_way} ways and {n_shot} shots: "
                f"{explain(error)}"
            ) from error
        return require_adapters(weights, support.text_TND.shape, owner=f"method {name!r}")

    return Method(name, identity, fit, None)
