"""LoRA in the blocks of a tower: weights with a product of two narrow matrices added to them.

E. J. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021; in CLIP M. Zanella and
I. Ben Ayed, Low-Rank Few-Shot Adaptation of Vision-Language Models, 2024. The sums are made by
torch's own parametrisations: the package peft writes into attention layers while they calculate, so
that two threads disturb each other, and an encoder is called from several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.towers.places import Place

# Those of CLIP-LoRA.
RANK, ALPHA = 2, 1.0
# What comes of tensors that are none of these, whatever their shapes and names.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, RuntimeError, ValueError)
# Where torch keeps what is added to the weights of a module.
PARTS = "parametrizations"


@final
class LowRank(nn.Module):
    """weight + alpha / rank · up · down, trained while the weight is frozen; at first the weight.

    Weights that are several in one, such as those of queries, keys and values, have a product each.

    Args:
        shape: The shape of the weight: (rows, columns), or (rows, columns, 1, 1) of a convolution.
        n_parts: How many weights of equal size lie in its rows.
        rank: The number of columns of `up`.
        alpha: The strength of what is added.
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
        """The weight with the product added, in the weight's own precision."""
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
    """Add products to the weights of blocks of a network, which is to be a `shared_copy`.

    Those are the projections of attention, the linear layers, and convolutions of one pixel. The
    parameters of the products alone are to be trained; the network computes as before until then.

    Args:
        network: The network that `find_places` found the places in.
        places: The blocks.
        rank: The rank of the products.
        alpha: The strength of what is added.
        seed: That of the matrices that are not zero at first.

    Returns:
        The name of each weight, and what is added to it.
    """
    inserted = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for place in places:
            for name, shape, n_parts in _weights(network.get_submodule(place.name), place.name):
                inserted[name] = LowRank(shape, n_parts, rank, alpha)
                _insert(network, name, inserted[name])
    return inserted


def lora_tensors(network: nn.Module) -> dict[str, Tensor]:
    """All products in a network as "WEIGHT/down" and "WEIGHT/up", detached."""
    return {
        f"{name}/{part}": tensor.detach()
        for name, module in _products(network)
        for part, tensor in module.state_dict().items()
    }


def restore_lora(network: nn.Module, tensors: Mapping[str, Tensor], *, alpha: float) -> None:
    """Add products, as `lora_tensors` names them, to the weights of a network.

    Raises:
        IncompatibleArtifact: The network has no such weight, or one of another shape.
    """
    weights: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        weight, _, part = name.rpartition("/")
        weights.setdefault(weight, {})[part] = tensor
    for name, parts in weights.items():
        try:
            down, up = parts["down"], parts["up"]
            n_parts, rank, columns = down.shape
            # Without memory: what the shapes of both declare may be more than the two hold.
            with torch.device("meta"):
                product = LowRank((n_parts * up.shape[1], columns), n_parts, rank, alpha)
            product.load_state_dict(
                {part: each.float() for part, each in parts.items()}, assign=True
            )
            _insert(network, name, product.requires_grad_(False))
        except UNUSABLE as error:
            reason = " ".join(str(error).split())
            raise IncompatibleArtifact(
                f"what LoRA adds to {name} does not fit the encoder: {reason}"
            ) from error


def merge_lora(network: nn.Module) -> None:
    """Put the sums in the place of the weights: the same answers, sooner, and memory for the sums.

    Weights that are shared with other networks stay as they are.
    """
    for name, _ in list(_products(network)):
        owner, _, weight = name.rpartition(".")
        module = network.get_submodule(owner)
        merged = getattr(module, weight).detach()
        # Left to torch, the sum would be written into the weight itself.
        remove_parametrizations(module, weight, leave_parametrized=False)
        setattr(module, weight, nn.Parameter(merged, requires_grad=False))


def _weights(block: nn.Module, name: str) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, shape and number of parts of each weight of a block that takes products."""
    for path, module in block.named_modules(prefix=name):
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            yield f"{path}.in_proj_weight", tuple(module.in_proj_weight.shape), 3
        elif isinstance(module, nn.Linear):
            rows, columns = module.weight.shape
            # timm's queries, keys and values are the rows of one linear layer.
            yield f"{path}.weight", (rows, columns), 3 if rows == 3 * columns else 1
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1:
            yield f"{path}.weight", tuple(module.weight.shape), 1


def _insert(network: nn.Module, name: str, product: LowRank) -> None:
    owner, _, weight = name.rpartition(".")
    module = network.get_submodule(owner)
    # torch computes the sum at once, to see whether the two fit.
    register_parametrization(module, weight, product.to(getattr(module, weight).device))


def _products(network: nn.Module) -> Iterator[tuple[str, LowRank]]:
    for name, module in network.named_modules():
        if isinstance(module, LowRank):
            yield name.replace(f".{PARTS}.", ".").rpartition(".")[0], module
