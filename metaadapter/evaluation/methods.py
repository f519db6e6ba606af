"""Whatever is measured, behind one face: peers by their name, generators by name or folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.baselines import META_PEERS, PEERS, Peer, load_meta_peer
from metaadapter.baselines.meta_trained import is_meta_peer, shipped_folder
from metaadapter.classifier.fine_tune import FineTune, fine_tune
from metaadapter.code_identity import code_identity
from metaadapter.errors import UsageError
from metaadapter.evaluation.meta_training import (
    CLOSED_FORM,
    META_PEERS_STUDIED,
    UNTRAINED,
    read_meta_training,
)
from metaadapter.evaluation.method import Method
from metaadapter.evaluation.own_method import load_own_method
from metaadapter.generator import AdapterGenerator, Generator, generator_id, load_generator
from metaadapter.generator.pretrained import SHIPPED
from metaadapter.own_code import is_own_code

__all__ = ["AT", "as_peer", "load_method", "resolve_names"]

GENERATORS = ("default", "closed-form")
# The gradient path of the generator that ships; with a number after it, exactly so many steps.
FINE_TUNED, AT = "finetune", "finetune@"
MOST_STEPS = 10_000
# Peers that train without a torch optimizer: numbers trained for N classes of width D.
TRAINED_BY_HAND: dict[str, Callable[[int, int], int]] = {
    "LP++": lambda n_way, width: n_way * (width + 2),
    "logistic probe": lambda n_way, width: n_way * (width + 1),
}


def load_method(name: str) -> Method:
    """A method by name.

    Args:
        name: A key of `PEERS` or `META_PEERS`, "default", "closed-form", "finetune" (gradient steps
            from what "default" predicts, as many as the support bears out), "finetune@K" (K steps
            from there), FILE.py:FUNCTION or the folder of a generator or of a meta-trained peer.

    Raises:
        UsageError: There is no such method, or K is no whole number from 0 to 10000.
    """
    if name in PEERS:
        peer = PEERS[name]
        return Method(name, code_identity(peer), peer, UNTRAINED, TRAINED_BY_HAND.get(name))
    if name in META_PEERS or (name not in GENERATORS and is_meta_peer(Path(name))):
        return _meta_trained(name)
    if name == FINE_TUNED or name.startswith(AT):
        settings, start = FineTune(n_steps=_asked_steps(name)), load_generator("default")
        code = code_identity(fine_tune, type(start))
        identity = _digest(code + repr(settings) + generator_id(start))
        card = read_meta_training(SHIPPED, CLOSED_FORM.chosen_on)
        return Method(name, identity, _fine_tuned(start, settings), card)
    if is_own_code(name):
        function, identity = load_own_method(name)
        return Method(name, identity, function, None)
    try:
        generator = load_generator(name)
    except UsageError as error:
        known = ", ".join([*GENERATORS, FINE_TUNED, f"{AT}K", *PEERS, *META_PEERS])
        raise UsageError(
            f"no method {name!r}{_alike(name)}; there are: {known}, folders of generators and of "
            "meta-trained peers, and FILE.py:FUNCTION"
        ) from error
    folder = SHIPPED if name == "default" else Path(name)
    constants = CLOSED_FORM.chosen_on if isinstance(generator, Generator) else frozenset[str]()
    card = CLOSED_FORM if name == "closed-form" else read_meta_training(folder, constants)
    identity = _digest(code_identity(type(generator)) + generator_id(generator))
    return Method(name, identity, as_peer(generator), card)


def _alike(name: str) -> str:
    """A name that may have been meant."""
    names = {known.casefold(): known for known in (*GENERATORS, FINE_TUNED, *PEERS, *META_PEERS)}
    close = get_close_matches(name.casefold(), names, n=1)
    if name.endswith(".py"):
        return f" (a function of a file is named {name}:FUNCTION)"
    return f" (did you mean {names[close[0]]}?)" if close else ""


def _meta_trained(name: str) -> Method:
    peer = load_meta_peer(name)
    folder = shipped_folder(name) if name in META_PEERS else Path(name)
    card = read_meta_training(folder, META_PEERS_STUDIED)
    return Method(name, peer.identity, peer, card)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def resolve_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names with groups written out, each once, in the order asked for.

    "all" and "peers" take features of any encoder; "meta-peers" have weights for those of one.
    """
    groups = {
        "all": (*GENERATORS, FINE_TUNED, *PEERS),
        "peers": tuple(PEERS),
        "meta-peers": tuple(META_PEERS),
    }
    return tuple(dict.fromkeys(one for name in names for one in groups.get(name, (name,))))


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


def _fine_tuned(generator: AdapterGenerator, settings: FineTune) -> Peer:
    def fit(support: Support) -> AdapterWeights:
        return fine_tune(generator, support, settings).weights

    return fit


def as_peer(generator: AdapterGenerator) -> Peer:
    """A generator behind the face of the methods that it is measured against."""
    return generator.predict
