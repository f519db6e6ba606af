"""Adapters inside the blocks of an image tower: bottlenecks or LoRA, trained while it is frozen.

N. Houlsby et al., Parameter-Efficient Transfer Learning for NLP, 2019; E. J. Hu et al., LoRA:
Low-Rank Adaptation of Large Language Models, 2021; for CLIP M. Zanella and I. Ben Ayed, Low-Rank
Few-Shot Adaptation of Vision-Language Models, 2024. The package peft is not used: it writes into
attention layers during a forward pass, which fails in an encoder that several threads call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.towers.config import InsideConfig, Kind
from metaadapter.features.towers.places import Place

PREFIX = "inside/"
# The name of a bottleneck as a submodule of its block.
PART = "inside"
# The factor on LoRA's product, which its authors call alpha / rank.
LORA_STRENGTH = 2.0
# The errors that arise when weights do not fit a network.
MISFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, ValueError)


@final
class Bottleneck(nn.Module):
    """Computes x + up(GELU(down(x))), at first exactly x, on the output of a block.

    The weights are float32; in a tower of lower precision, the added part is rounded to it. The
    width is the second axis of a map (n, width, height, breadth), whose layers are convolutions of
    one pixel, otherwise the last axis.
    """

    def __init__(self, width: int, hidden: int, *, is_map: bool = False) -> None:
        super().__init__()
        self.down: nn.Module
        self.up: nn.Module
        if is_map:
            self.down, self.up = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)
        else:
            self.down, self.up = nn.Linear(width, hidden), nn.Linear(hidden, width)
        for parameter in self.up.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return adapted features of the same shape and precision."""
        added: Tensor = self.up(gelu(self.down(features.float())))
        return features + added.to(features.dtype)


@final
class LowRank(nn.Module):
    """Adds `LORA_STRENGTH` · up · down, at first 0, to a frozen weight.

    Each of the `n_parts` weights that are stacked in the rows, such as those of queries, keys
    and values, has its own product.
    """

    def __init__(self, shape: tuple[int, ...], rank: int, n_parts: int = 1) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(n_parts, rank, shape[1]))
        self.up = nn.Parameter(torch.zeros(n_parts, shape[0] // n_parts, rank))
        nn.init.uniform_(self.down, -(shape[1] ** -0.5), shape[1] ** -0.5)

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Add the product to the weight, in the precision of the weight."""
        n_parts, rows, _ = self.up.shape
        parts = weight.reshape(n_parts, rows, -1).to(self.up.dtype)
        summed = torch.baddbmm(parts, self.up, self.down, alpha=LORA_STRENGTH)
        return summed.reshape(weight.shape).to(weight.dtype)


def insert_inside(
    network: nn.Module, config: InsideConfig, places: Iterable[Place], *, seed: int = 0
) -> list[nn.Parameter]:
    """Put new adapters into a network, which must be a `shared_copy`.

    Until they are trained, the network computes as before, bit for bit in `torch.inference_mode`.

    Args:
        network: The network in which the places were found.
        config: The kind and width of the adapters.
        places: The places, as from `find_places`.
        seed: The seed of the matrices that do not start at zero.

    Returns:
        The parameters to train.
    """
    parameters: list[nn.Parameter] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            if config.kind == "lora":
                weights = list(_weights(network.get_submodule(place.name), place.name))
                new: dict[str, nn.Module] = {
                    name: LowRank(tuple(weight.shape), config.width, n_parts)
                    for name, weight, n_parts in weights
                }
            else:
                new = {place.name: Bottleneck(place.width, config.width, is_map=place.is_map)}
            for name, part in new.items():
                _insert(network, name, part)
                parameters.extend(part.parameters())
    return parameters


def inside_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all adapters in the blocks of a network.

    The names are inside/PLACE/WEIGHT, as in "inside/visual.transformer.resblocks.0/down.weight".
    """
    return {
        f"{PREFIX}{name}/{part}": tensor.detach()
        for name, module in _parts(network)
        for part, tensor in module.state_dict().items()
    }


def restore_inside(network: nn.Module, config: InsideConfig, tensors: Mapping[str, Tensor]) -> None:
    """Put adapters with weights from `inside_tensors` into a network, a `shared_copy`.

    Args:
        network: The network of the encoder in which the adapters were trained.
        config: The kind of the adapters.
        tensors: The weights of the adapters.

    Raises:
        IncompatibleArtifact: The weights do not fit the network.
    """
    weights: dict[str, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        name, _, part = full_name.removeprefix(PREFIX).rpartition("/")
        weights.setdefault(name, {})[part] = tensor.float()
    for name, parts in weights.items():
        try:
            # On the meta device the weights, which are replaced, take no memory and no random
            # numbers; the declared shapes may exceed the memory.
            with torch.device("meta"):
                module = _of_shapes(config.kind, parts)
            module.load_state_dict(parts, assign=True)
            _insert(network, name, module.requires_grad_(False))
        except MISFIT as error:
            owner = "product that LoRA adds to" if config.kind == "lora" else "bottleneck at"
            reason = " ".join(str(error).split()) + " is missing" * isinstance(error, KeyError)
            raise IncompatibleArtifact(
                f"the {owner} {name} does not fit the encoder: {reason}"
            ) from error


def merge_lora(network: nn.Module) -> None:
    """Replace each weight by its sum with LoRA's product: equal results, sooner, for more memory.

    Weights that are shared with other networks are unchanged.
    """
    for name, part in list(_parts(network)):
        if isinstance(part, LowRank):
            owner, _, weight = name.rpartition(".")
            module = network.get_submodule(owner)
            merged = getattr(module, weight).detach()
            # torch itself would write the sum into the shared weight.
            remove_parametrizations(module, weight, leave_parametrized=False)
            setattr(module, weight, nn.Parameter(merged, requires_grad=False))


def _of_shapes(kind: Kind, parts: Mapping[str, Tensor]) -> nn.Module:
    """Return an adapter of the shapes of these weights."""
    if kind == "bottleneck":
        down = parts["down.weight"]
        return Bottleneck(down.shape[1], down.shape[0], is_map=down.ndim == 4)
    down, up = parts["down"], parts["up"]
    n_parts, rank, columns = down.shape
    return LowRank((n_parts * up.shape[1], columns), rank, n_parts)


def _parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the block of each bottleneck or the weight of each product by name, and the adapter."""
    for name, module in network.named_modules():
        if isinstance(module, Bottleneck):
            yield name.removesuffix(f".{PART}"), module
        elif isinstance(module, LowRank):
            yield name.replace(".parametrizations.", ".").rpartition(".")[0], module


def _weights(block: nn.Module, name: str) -> Iterator[tuple[str, Tensor, int]]:
    """Yield the name of each weight for LoRA, the weight, and how many are stacked in its rows."""
    for path, module in block.named_modules(prefix=name):
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            yield f"{path}.in_proj_weight", module.in_proj_weight, 3
        elif isinstance(module, nn.Linear):
            rows, columns = module.weight.shape
            # timm stacks queries, keys and values in one linear layer.
            yield f"{path}.weight", module.weight, 3 if rows == 3 * columns else 1
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1:
            yield f"{path}.weight", module.weight, 1


def _insert(network: nn.Module, name: str, part: nn.Module) -> None:
    """Put a bottleneck behind the block of this name, or LoRA's product onto the weight."""
    if isinstance(part, Bottleneck):
        block = network.get_submodule(name)
        block.add_module(PART, part)
        block.register_forward_hook(_adapt)
    else:
        owner, _, weight = name.rpartition(".")
        module = network.get_submodule(owner)
        # torch computes the sum at once, and so checks the shapes.
        register_parametrization(module, weight, part.to(getattr(module, weight).device))


def _adapt(block: nn.Module, _args: Any, output: Tensor) -> Tensor:
    # Looked up in the block, since a copy of the network has a copy of the bottleneck.
    adapted: Tensor = block.get_submodule(PART)(output)
    return adapted
