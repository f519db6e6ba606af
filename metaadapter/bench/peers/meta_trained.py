"""Peers with weights that were trained on other tasks, with the features of one encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.tensor_fields import require_shapes
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.peers.maml import Start, anil, maml
from metaadapter.bench.peers.meta_adapter import Attention, meta_adapter
from metaadapter.bench.peers.meta_qda import Prior, meta_qda
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.code_identity import code_identity

CONFIG_FILE, WEIGHTS_FILE = "peer.json", "model.safetensors"
SCHEMA = "metaadapter.peer/1"
REMEDY = "restore it from a copy, or train the peer again"
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
            f"{' or '.join(sorted(self.encoders))}, but {difference}. Leave {self.name} out, or "
            "train it for them: docs/reference/peers.md"
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


def load_meta_peer(name: str | Path) -> MetaPeer:
    """Load a peer of `META_PEERS` with its shipped weights, or from a `save_meta_peer` folder."""
    folder = shipped_folder(str(name)) if str(name) in META_PEERS else Path(name)
    if str(name) in META_PEERS and not is_meta_peer(folder):
        raise UsageError(
            f"the weights of {name} are not part of the installed wheel. They are in the "
            f"repository: give the folder metaadapter/assets/peers/{folder.name} of a copy of it, "
            "or install that copy with pip install --editable"
        )
    if not is_meta_peer(folder):
        raise UsageError(
            f"there is no meta-trained peer {str(name)!r}; choose {', '.join(META_PEERS)}, or a "
            f"folder that holds {CONFIG_FILE} and {WEIGHTS_FILE}"
        )
    config, proof = read_document(folder / CONFIG_FILE, SCHEMA, REMEDY)
    try:
        stored = load(proof.read(WEIGHTS_FILE))
        expected = {field.name for field in fields(META_PEERS[config["peer"]].learned)}
        if set(stored) != expected:
            raise ValueError(f"expected tensors {sorted(expected)}, got {sorted(stored)}")
        learned = {key: tensor.float() for key, tensor in stored.items()}
        require_shapes(META_PEERS[config["peer"]].learned, learned, D=config["width"])
        encoders = frozenset(config["encoders"])
        if not all(isinstance(encoder, str) for encoder in encoders):
            raise ValueError("expected the names of encoders as strings")
        peer = MetaPeer(config["peer"], config["width"], encoders, learned)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        raise IncompatibleArtifact(
            f"{folder} does not hold a meta-trained peer of this version of metaadapter "
            f"({error!r}); {REMEDY}"
        ) from error
    if not all(tensor.isfinite().all() for tensor in learned.values()):
        raise DataError(f"{folder / WEIGHTS_FILE} holds weights that are NaN or infinite; {REMEDY}")
    return peer


def save_meta_peer(peer: MetaPeer, folder: Path) -> None:
    """Write `peer.json` and `model.safetensors` together; weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.half().contiguous() for name, tensor in peer.learned.items()}
    config = {
        "schema": SCHEMA,
        "peer": peer.name,
        "width": peer.width,
        "encoders": sorted(peer.encoders),
    }
    weights = save(half, metadata={"format": "pt"})
    write_document(folder / CONFIG_FILE, config, {WEIGHTS_FILE: weights})


def is_meta_peer(folder: Path) -> bool:
    """Return whether a folder holds a meta-trained peer."""
    return (folder / CONFIG_FILE).is_file()


def shipped_folder(name: str) -> Path:
    """Return the folder of the weights that ship with metaadapter for `META_PEERS[name]`."""
    return SHIPPED / name.casefold()
