"""Adapters as values: their weights, what they do, and how they are kept."""

from metaadapter.adapter.answers import Answers, answer
from metaadapter.adapter.config import AdapterConfig, Origin
from metaadapter.adapter.files import (
    StoredAdapter,
    hold_adapter,
    load_adapter,
    require_adapter_folder,
    save_adapter,
    store_adapter,
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
    "AdapterConfig",
    "AdapterWeights",
    "Answers",
    "Origin",
    "StoredAdapter",
    "Support",
    "TaskSignature",
    "answer",
    "apply_adapter",
    "classify",
    "hold_adapter",
    "load_adapter",
    "probabilities",
    "require_adapter_folder",
    "require_adapters",
    "save_adapter",
    "store_adapter",
]
