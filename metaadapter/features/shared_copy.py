"""A network to change while the original keeps every bit: a copy that shares all tensors."""

from __future__ import annotations

import copy
from itertools import chain

from torch import nn


def shared_copy(network: nn.Module) -> nn.Module:
    """Copy the modules of a network; its parameters and buffers are the very same tensors.

    What is put into the copy, takes part in its calculation alone: hooks, modules, other tensors in
    the place of its own. It takes hardly any memory, and thrown away it leaves no trace. Nothing
    may write into the shared tensors: they are to be frozen, and the copy in evaluation mode, for
    in training mode a batch normalisation writes its running means.
    """
    tensors = chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
