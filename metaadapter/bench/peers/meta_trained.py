"""Peers with weights that were trained on other tasks, with the features of one encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.peers.maml import Start, anil, maml
from metaadapter.bench.peers.meta_adapter import Attention, meta_adapter
from metaadapter.bench.peers.meta_qda import Prior, meta_qda
from metaadapter.errors import UsageError
from metaadapter.files.checksums import read_document
from metaadapter.files.code_identity import code_identity

CONFIG_FILE, WEIGHTS_FILE = "peer.json", "model.safetensors"
SCHEMA = "metaadapter.peer/1"
REMEDY = "restore it from a copy of the repository"
SHIPPED = Path(__file__).parents[2] / "assets" / "peers"


class Formula(NamedTuple):
    """The class of a peer's learned weights, and its function of a support and these weights."""

    learned: type[Any]
    fit: Callable[[Support, Any], AdapterWeights | LogitFunction]


META_PEERS: dict[str, Formula] = {
    "Meta-Adapter": Formula(Attention, meta_adapter),
    "MAML": Formula(Start, maml),
    "ANIL": Formula(Start, anil),
    "MetaQDA": Formula(Prior, meta_qda),
}
"""Name of a peer → its formula."""


@dataclass(frozen=True, slots=True)
class MetaPeer:
    """A formula with its learned weights, for features of `width` numbers from `encoders`."""

    name: str
    width: int
    encoders: frozenset[str]
    learned: Mapping[str, Tensor]

    def __call__(self, support: Support) -> AdapterWeights | LogitFunction:
        """Return the adapters of T tasks, or a function of their queries, as a `Peer` does."""
        width = support.text_TND.shape[-1]
        if width != self.width:
            raise UsageError(self._unfit(f"the features have width {width}"))
        formula = META_PEERS[self.name]
        placed = {name: tensor.to(support.text_TND) for name, tensor in self.learned.items()}
        return formula.fit(support, formula.learned(**placed))

    def require_encoder(self, encoder: str, *, owner: str) -> None:
        """Raise unless the weights are for this encoder; `owner` says whose features they are."""
        if encoder not in self.encoders:
            raise UsageError(self._unfit(f"{owner} has features of {encoder}"))

    def _unfit(self, difference: str) -> str:
        return (
            f"the weights of {self.name} are for features of width {self.width} from the encoder "
            f"{' or '.join(sorted(self.encoders))}, but {difference}; leave {self.name} out"
        )

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits, which change with the formula's code and with its weights."""
        code = code_identity(META_PEERS[self.name].fit)
        digest = sha256(f"{self.name}\n{code}".encode())
        for name, tensor in sorted(self.learned.items()):
            digest.update(name.encode())
            digest.update(tensor.float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]


def load_meta_peer(name: str) -> MetaPeer:
    """Load a peer of `META_PEERS` with the weights that ship with the repository."""
    folder = shipped_folder(name)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"the weights of {name} are not part of the installed wheel; they are in the "
            "repository: install a copy of it with pip install --editable"
        )
    config, proof = read_document(folder / CONFIG_FILE, SCHEMA, REMEDY)
    learned = {key: tensor.float() for key, tensor in load(proof.read(WEIGHTS_FILE)).items()}
    return MetaPeer(name, config["width"], frozenset(config["encoders"]), learned)


def shipped_folder(name: str) -> Path:
    """Return the folder of the weights that ship with metaadapter for `META_PEERS[name]`."""
    return SHIPPED / name.casefold()
