"""Loads methods by name: peers, generators and the user's own functions, all as a `Method`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction, require_head
from metaadapter.bench.evaluation.methods.method import (
    CLOSED_FORM,
    META_PEERS_STUDIED,
    UNTRAINED,
    Method,
    read_meta_training,
)
from metaadapter.bench.evaluation.methods.method_names import (
    AT,
    FINE_TUNED,
    GENERATORS,
    JOINT,
    LABELLED,
    SCORED,
    without_score,
)
from metaadapter.bench.evaluation.methods.picture_methods import (
    INSIDE_CHOSEN_ON,
    PICTURE_METHODS,
)
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS, Peer
from metaadapter.bench.peers.meta_trained import (
    META_PEERS,
    load_meta_peer,
    shipped_folder,
)
from metaadapter.bench.peers.unknown_scores import READ_WORDS, SCORES
from metaadapter.errors import UsageError
from metaadapter.files.code_identity import code_identity
from metaadapter.files.hub import is_hub_name
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.user_code import (
    explain,
    is_user_code,
    load_user_code,
    user_code_and_folder,
)
from metaadapter.generator.adapter_generator import AdapterGenerator, generator_id
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import SHIPPED, generator_folder, load_generator
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.gradient_steps import FineTune

MOST_STEPS = 10_000
UNTRAINED_PEERS: dict[str, Peer] = {**PEERS, **POOL_PEERS}
KNOWN = (
    *GENERATORS,
    FINE_TUNED,
    f"{AT}K",
    *UNTRAINED_PEERS,
    *META_PEERS,
    *PICTURE_METHODS,
)


def load_method(name: str) -> Method:
    """Return the method of a name; raise `UsageError` for an unknown name, or for K above 10000.

    Names are the keys of `PEERS`, `POOL_PEERS`, `META_PEERS` and `PICTURE_METHODS`; "default";
    "closed-form"; "finetune" (gradient steps from the prediction of "default", as many as improve
    the answers on left-out pictures); "finetune@K" (K such steps); FILE.py:FUNCTION; and folders of
    generators. A suffix changes the method: with @joint it sees only the
    joint block of features, with @labelled no pool; with @ and a key of `SCORES`, this score
    decides whether a picture shows any of the classes.
    """
    if name.endswith(JOINT):
        return _joint_alone(name)
    if name.endswith(LABELLED):
        base = load_method(name.removesuffix(LABELLED))
        return replace(base, name=name, sees_labelled_alone=True)
    if without_score(name) != name:
        return _with_score(name)
    if name in UNTRAINED_PEERS:
        return Method(name, "", UNTRAINED_PEERS[name], UNTRAINED)
    if name in META_PEERS:
        meta_peer = load_meta_peer(name)
        card = read_meta_training(shipped_folder(name), META_PEERS_STUDIED)
        # Such peers were trained on the joint features.
        return Method(name, meta_peer.identity, meta_peer, card, sees_joint_alone=True)
    if name == FINE_TUNED or name.startswith(AT):
        return _fine_tuned(name)
    if name in PICTURE_METHODS:
        return _picture_method(name)
    return _own_method(name) if is_user_code(name) else _generator(name)


def _joint_alone(name: str) -> Method:
    base = load_method(name.removesuffix(JOINT))
    if base.fit_pictures is not None:
        raise UsageError(
            f"{base.name} uses the encoder itself, with all of its blocks; leave {JOINT} out, or "
            "evaluate a store with only the joint block"
        )
    return replace(base, name=name, sees_joint_alone=True)


def _with_score(name: str) -> Method:
    base_name = without_score(name)
    score = SCORED[name.removeprefix(base_name)]
    base = load_method(base_name)
    return replace(
        base,
        name=name,
        unknown_score=SCORES[score],
        reads_words=score in READ_WORDS,
    )


def _fine_tuned(name: str) -> Method:
    settings, start = FineTune(n_steps=_number_of_steps(name)), load_generator("default")
    return Method(
        name,
        generator_id(start),
        lambda support: fine_tune(start, support, settings).weights,
        read_meta_training(SHIPPED, CLOSED_FORM.chosen_on),
    )


def _number_of_steps(name: str) -> int | None:
    """Return K for "finetune@K", and None for "finetune"."""
    if name == FINE_TUNED:
        return None
    number = name.removeprefix(AT)
    # No leading zeros, because reports identify methods by their names.
    if not re.fullmatch(r"0|[1-9][0-9]{0,4}", number) or int(number) > MOST_STEPS:
        raise UsageError(
            f"method {name!r}: expected a whole number of steps from 0 to {MOST_STEPS} after the "
            f"@, such as {AT}20, got {number!r}"
        )
    return int(number)


def _picture_method(name: str) -> Method:
    fit = PICTURE_METHODS[name]
    return Method(
        name,
        generator_id(load_generator("default")),
        _needs_pictures,
        read_meta_training(SHIPPED, CLOSED_FORM.chosen_on | INSIDE_CHOSEN_ON),
        sees_labelled_alone=True,
        fit_pictures=fit,
    )


def _needs_pictures(_support: Support) -> AdapterWeights:
    raise UsageError("a method that reads pictures cannot be fitted to their features only")


def _generator(name: str) -> Method:
    try:
        generator = load_generator(name)
    except UsageError as error:
        if is_hub_name(name):
            raise
        hint = f" (name a function in this file: {name}:FUNCTION)" if name.endswith(".py") else ""
        raise UsageError(
            f"no method {name!r}{hint}; there are: {', '.join(KNOWN)}, folders of "
            "generators, and FILE.py:FUNCTION; a name may end with "
            f"@joint, @labelled or {', '.join(SCORED)}"
        ) from error
    folder = generator_folder(name)
    constants = CLOSED_FORM.chosen_on if isinstance(generator, Generator) else frozenset[str]()
    card = CLOSED_FORM if name == "closed-form" else read_meta_training(folder, constants)
    return Method(name, generator_id(generator), generator.predict, card)


def _own_method(name: str) -> Method:
    """Load a function of a support, or a subclass of `AdapterGenerator`, from the user's file.

    The name of a class may end with @FOLDER, the folder of its weights.
    """
    code, folder = user_code_and_folder(name)
    function = value = load_user_code(code, kind="method")
    if isinstance(value, type) and issubclass(value, AdapterGenerator):
        generator = load_generator(name)
        function, identity = generator.predict, generator_id(generator)
    elif callable(value):
        identity = code_identity(Path(code.rpartition(":")[0]))
    else:
        raise UsageError(f"method {name!r} must be a function of a support, got {value!r}")

    def explained(call: Callable[[], Any], support: Support) -> Any:
        try:
            return call()
        except Exception as error:
            if is_shortage(error):
                raise
            n_tasks, n_way, n_shot = support.support_mask_TNK.shape
            raise UsageError(
                f"method {name!r} failed on {n_tasks} task(s) of {n_way} ways and {n_shot} shots: "
                f"{explain(error)}"
            ) from error

    def fit(support: Support) -> AdapterWeights | LogitFunction:
        head = explained(partial(function, support), support)
        if not isinstance(head, AdapterWeights) and callable(head):
            own = head

            def head(query_TQD: Tensor) -> Any:
                return explained(partial(own, query_TQD), support)

        return require_head(head, support.text_TND.shape, owner=f"method {name!r}")

    card = read_meta_training(generator_folder(folder)) if folder else None
    return Method(name, identity, fit, card)
