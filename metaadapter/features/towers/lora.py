"""LoRA in the blocks of a tower: a product of two narrow matrices is added to each weight.

E. J. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021; for CLIP M. Zanella and
I. Ben Ayed, Low-Rank Few-Shot Adaptation of Vision-Language Models, 2024. torch's parametrizations
compute the sums. The package peft is not used: it writes into attention layers during a forward
pass, which fails in an encoder that several threads call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from metaadapter.features.towers.places import Place

# The values of CLIP-LoRA.
RANK, ALPHA = 2, 1.0
# The name under which torch keeps the parametrizations of a module.
PARTS = "parametrizations"


@final
class LowRank(nn.Module):
    """Adds (alpha / rank) · up · down, at first 0, to a frozen weight; `down` and `up` are trained.

    Each of the `n_parts` weights that are stacked in the rows, such as those of queries, keys
    and values, has its own product.
    """

    def __init__(
        self, shape: tuple[int, ...], n_parts: int = 1, rank: int = RANK, alpha: float = ALPHA
    ) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(n_parts, rank, shape[1]))
        self.up = nn.Parameter(torch.zeros(n_parts, shape[0] // n_parts, rank))
        self.scale = alpha / rank
        nn.init.uniform_(self.down, -(shape[1] ** -0.5), shape[1] ** -0.5)

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Add the product to the weight, in the precision of the weight."""
        n_parts, rows, _ = self.up.shape
        parts = weight.reshape(n_parts, rows, -1).to(self.up.dtype)
        summed = torch.baddbmm(parts, self.up, self.down, alpha=self.scale)
        return summed.reshape(weight.shape).to(weight.dtype)


def insert_lora(
    network: nn.Module,
    places: Iterable[Place],
    *,
    rank: int = RANK,
    alpha: float = ALPHA,
    seed: int = 0,
) -> dict[str, LowRank]:
    """Add products, at first zero, to weights of a `shared_copy`; return them by weight name."""
    inserted = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            for name, shape, n_parts in _weights(network.get_submodule(place.name), place.name):
                inserted[name] = LowRank(shape, n_parts, rank, alpha)
                _insert(network, name, inserted[name])
    return inserted


def products(network: nn.Module) -> Iterator[tuple[str, LowRank]]:
    """Yield the name of each weight to which LoRA adds a product, and the module of the product."""
    for name, module in network.named_modules():
        if isinstance(module, LowRank):
            yield name.replace(f".{PARTS}.", ".").rpartition(".")[0], module


def restore_product(
    network: nn.Module, name: str, weights: Mapping[str, Tensor], alpha: float
) -> None:
    """Add the product of these matrices to a weight; any error means that they do not fit."""
    down, up = weights["down"], weights["up"]
    n_parts, rank, columns = down.shape
    # On the meta device, since the declared shapes may exceed the memory.
    with torch.device("meta"):
        product = LowRank((n_parts * up.shape[1], columns), n_parts, rank, alpha)
    product.load_state_dict(weights, assign=True)
    _insert(network, name, product.requires_grad_(False))


def merge_lora(network: nn.Module) -> None:
    """Replace each weight by its sum with the product: equal results, sooner, for more memory.

    Weights that are shared with other networks are unchanged.
    """
    for name, _ in list(products(network)):
        owner, _, weight = name.rpartition(".")
        module = network.get_submodule(owner)
        merged = getattr(module, weight).detach()
        # torch itself would write the sum into the shared weight.
        remove_parametrizations(module, weight, leave_parametrized=False)
        setattr(module, weight, nn.Parameter(merged, requires_grad=False))


def _weights(block: nn.Module, name: str) -> Iterator[tuple[str, tuple[int, ...], int]]:
    for path, module in block.named_modules(prefix=name):
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            yield f"{path}.in_proj_weight", tuple(module.in_proj_weight.shape), 3
        elif isinstance(module, nn.Linear):
            rows, columns = module.weight.shape
            # timm stacks queries, keys and values in one linear layer.
            yield f"{path}.weight", (rows, columns), 3 if rows == 3 * columns else 1
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1:
            yield f"{path}.weight", tuple(module.weight.shape), 1


def _insert(network: nn.Module, name: str, product: LowRank) -> None:
    owner, _, weight = name.rpartition(".")
    module = network.get_submodule(owner)
    # torch computes the sum at once, and so checks the shapes.
    register_parametrization(module, weight, product.to(getattr(module, weight).device))
