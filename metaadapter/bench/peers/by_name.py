"""The peers: few-shot heads for frozen features, each with one setting for all tasks.

All are published or in use but `ridge towards text`, the closed form in its simplest shape.

No peer is tuned to a task: its settings are its authors' defaults or their most frequent choice,
and training stops at a fixed step. So no peer needs labelled pictures beyond the support. The peers
in `META_PEERS` have weights that were trained on other tasks, as a generator has, and take the
features of one encoder only. The peers in `POOL_PEERS` also read a pool of unlabelled pictures.
"""

from collections.abc import Callable

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.peers.alignment import coral, t3a
from metaadapter.bench.peers.ape import ape
from metaadapter.bench.peers.descent import (
    clap,
    clip_adapter,
    cross_modal_probe,
    rla,
    task_res,
    zs_lp,
)
from metaadapter.bench.peers.gda import gda
from metaadapter.bench.peers.heads_of_programs import frigate, random_forest
from metaadapter.bench.peers.logistic_probe import logistic_probe, self_training
from metaadapter.bench.peers.lp_plus_plus import lp_plus_plus
from metaadapter.bench.peers.prototypes import proto_net, prototypes, ss_text, text_mean
from metaadapter.bench.peers.ridge_towards_text import ridge_towards_text
from metaadapter.bench.peers.tip_adapter import tip_adapter, tip_adapter_f
from metaadapter.bench.peers.zlap import zlap

Peer = Callable[[Support], AdapterWeights | LogitFunction]
"""A function that takes the support of T tasks and returns their adapters, stacked along T, or a
function of their queries."""

PEERS: dict[str, Peer] = {
    "zero-shot": Support.zero_shot,
    "prototypes": prototypes,
    "text + mean": text_mean,
    "Tip-Adapter": tip_adapter,
    "TaskRes": task_res,
    "CLIP-Adapter": clip_adapter,
    "LP++": lp_plus_plus,
    "ZS-LP": zs_lp,
    "GDA": gda,
    "Tip-Adapter-F": tip_adapter_f,
    "CLAP": clap,
    "SS-Text": ss_text,
    "APE": ape,
    "cross-modal probe": cross_modal_probe,
    "RLA": rla,
    "logistic probe": logistic_probe,
    "ridge towards text": ridge_towards_text,
    "ProtoNet": proto_net,
    "Frigate": frigate,
    "random forest": random_forest,
}

POOL_PEERS: dict[str, Peer] = {
    "ZLaP": zlap,
    "self-training": self_training,
    "CORAL": coral,
    "T3A": t3a,
}
