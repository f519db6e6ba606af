"""Adapters as values: their weights, what they do, and how they are kept."""

from metaadapter.adapter.adapted_encoder import (
    adapted_encoder,
    parts_mark,
    parts_of,
    with_towers,
)
from metaadapter.adapter.answers import Answers, answer
from metaadapter.adapter.calibration import calibrated, with_calibrated_head
from metaadapter.adapter.config import AdapterConfig, Origin
from metaadapter.adapter.files import (
    StoredAdapter,
    hold_adapter,
    load_adapter,
    require_adapter_folder,
    save_adapter,
    store_adapter,
)
from metaadapter.adapter.known import (
    KEPT,
    known_logits,
    known_of_answers,
    known_probabilities,
    known_threshold,
    prediction_sets,
)
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import (
    AdapterWeights,
    apply_adapter,
    classify,
    probabilities,
    require_adapters,
)

__all__ = [
    "KEPT",
    "AdapterConfig",
    "AdapterWeights",
    "Answers",
    "Origin",
    "StoredAdapter",
    "Support",
    "TaskSignature",
    "adapted_encoder",
    "answer",
    "apply_adapter",
    "calibrated",
    "classify",
    "hold_adapter",
    "known_logits",
    "known_of_answers",
    "known_probabilities",
    "known_threshold",
    "load_adapter",
    "parts_mark",
    "parts_of",
    "prediction_sets",
    "probabilities",
    "require_adapter_folder",
    "require_adapters",
    "save_adapter",
    "store_adapter",
    "with_calibrated_head",
    "with_towers",
]
