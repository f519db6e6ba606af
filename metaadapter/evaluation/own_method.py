"""A method of one's own: a function of a support, or a generator, in a Python file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from metaadapter.adapter import AdapterWeights, Support, require_adapters
from metaadapter.baselines import Peer
from metaadapter.code_identity import code_identity
from metaadapter.errors import UsageError
from metaadapter.generator import AdapterGenerator, generator_id, load_generator
from metaadapter.own_code import explain, load_own_code, own_code_and_folder

__all__ = ["load_own_method"]


def load_own_method(name: str) -> tuple[Peer, str]:
    """The function that FILE.py:NAME names, and twelve digits that change with its code.

    NAME may also be a subclass of `AdapterGenerator`, then @FOLDER may follow with its weights.

    Raises:
        UsageError: There is no such file or name, or the file cannot be run.
    """
    code, _ = own_code_and_folder(name)
    found = load_own_code(code, kind="method")
    if isinstance(found, type) and issubclass(found, AdapterGenerator):
        generator = load_generator(name)
        return _checked(name, generator.predict), generator_id(generator)
    if not callable(found):
        raise UsageError(f"method {name!r} must be a function of a support, got {found!r}")
    # It computes with the support's own methods, whether or not its file imports the class.
    return _checked(name, cast(Peer, found)), code_identity(Path(code.rpartition(":")[0]), Support)


def _checked(name: str, function: Peer) -> Peer:
    """The function, its faults told as its own."""

    def fit(support: Support) -> AdapterWeights:
        try:
            weights = function(support)
        except Exception as error:
            n_tasks, n_way, n_shot = support.support_mask_TNK.shape
            raise UsageError(
                f"method {name!r} failed on {n_tasks} task(s) of {n_way} ways and {n_shot} shots: "
                f"{explain(error)}"
            ) from error
        return require_adapters(weights, support.text_TND.shape, owner=f"method {name!r}")

    return fit
