"""`PeerClassifier`: any peer, by name or as a function, used like `MetaAdapterClassifier`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, logits_of, require_head
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS, Peer
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer
from metaadapter.errors import UsageError
from metaadapter.workflow.classifier_base import AdapterClassifier
from metaadapter.workflow.estimator_inputs import unchanged_on_error

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

NO_KNOWN = "a peer predicts neither what is unknown nor sets of classes; use MetaAdapterClassifier"


class PeerClassifier(AdapterClassifier):
    """A peer as a scikit-learn classifier for frozen features.

    Rows of X are as for `MetaAdapterClassifier`: features of one encoder, scaled to length 1. A
    class may have pictures, a text, or both. Only some peers need the temperature.

    Args:
        peer: A name in `PEERS`; a name in `META_PEERS`, if X has features of an encoder that its
            weights were trained for; or a function that takes a `Support` and returns the
            `AdapterWeights` of its tasks, or a function from their queries to logits.
        class_texts: label → feature of its text, or label → name if `encoder` is given.
        encoder: The `FrozenEncoder` that the features come from, or its name.
        logit_scale: The encoder's inverse temperature; if `None`, it is read from `encoder`.
    """

    def __init__(
        self,
        peer: str | Callable[[Support], Any] = "GDA",
        class_texts: Mapping[Any, Any] | None = None,
        *,
        encoder: ImageEncoder | str | None = None,
        logit_scale: float | np.ndarray | torch.Tensor | None = None,
    ) -> None:
        self.peer = peer
        self.class_texts = class_texts
        self.encoder = encoder
        self.logit_scale = logit_scale

    def fit(self, X: Any, y: Any) -> PeerClassifier:
        """Fit the peer to features X (n, D) and labels y (n,) of pictures.

        n may be 0 if `class_texts` has the classes.

        Raises:
            ValueError: X or y cannot be used, or there are fewer than two classes.
            UsageError: No peer has this name, its weights are for another encoder, the peer needs
                the temperature but none is given, or the function returns something else.
        """
        self._peer(None)  # an unknown name is refused before the encoder reads the class names
        with unchanged_on_error(self):
            support, encoder = self._read(X, y)
            head, shape = self._peer(encoder)(support.exact), support.text_TND.shape
            self.head_ = require_head(head, shape, owner=f"peer {self.peer!r}")
            if isinstance(self.head_, AdapterWeights):
                self.adapter_ = self.head_.map(torch.Tensor.detach).task(0)
        return self

    def _probabilities(self, X: Any) -> Iterator[np.ndarray]:
        for rows in self._rows(X):
            query_1QD = normalize(rows.double(), dim=-1)[None]
            with torch.no_grad():
                yield logits_of(self.head_, query_1QD)[0].softmax(-1).numpy()

    def _known(self, *_: Any, **__: Any) -> NoReturn:
        raise UsageError(NO_KNOWN)

    def predict_sets(self, *_: Any, **__: Any) -> NoReturn:
        """Raise a `UsageError`."""
        raise UsageError(NO_KNOWN)

    def _peer(self, encoder: ImageEncoder | None) -> Peer:
        if callable(self.peer):
            return self.peer
        if self.peer in META_PEERS:
            peer = load_meta_peer(self.peer)
            if encoder is not None:
                peer.require_encoder(encoder.name, owner="encoder=")
            return peer
        if self.peer in POOL_PEERS:
            raise UsageError(
                f"peer {self.peer!r} reads a pool of unlabelled pictures, but `fit` takes no pool; "
                "measure the peer with metaadapter evaluate --methods pool-peers --set pool=skewed"
            )
        if self.peer not in PEERS:
            known = ", ".join([*PEERS, *META_PEERS])
            raise UsageError(f"there is no peer {self.peer!r}; choose one of: {known}")
        return PEERS[self.peer]
