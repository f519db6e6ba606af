"""An image tower with new bottlenecks in its later blocks, and a cache of earlier blocks' outputs.

Training changes only the later blocks, so that a step need not compute the earlier ones again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import ImageInput
from metaadapter.errors import UsageError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors
from metaadapter.features.towers.places import Place, find_places
from metaadapter.features.views import join_looks, n_looks, view_pixels
from metaadapter.files.progress import tell

# Half precision suffices for outputs of blocks, as it does for features in a store.
CACHED_AS = torch.float16
LOOKS_AT_ONCE = 32


@final
class AdaptedTower:
    """A copy of an encoder's image tower with bottlenecks in its later half, for n pictures.

    There are L looks at each of V views of a picture: view 0 is the picture itself, the others are
    crops, half of them mirrored. Of each look only the outputs of blocks before the bottlenecks
    that later parts read are cached: that of the last of these blocks, and those that features are
    made of.

    Raises:
        UsageError: The image tower has fewer than two places for bottlenecks.
        UnreadableImage: A picture cannot be read.
    """

    def __init__(
        self,
        encoder: FrozenEncoder,
        config: InsideConfig,
        pictures: Sequence[ImageInput],
        n_views: int,
        seed: int,
    ) -> None:
        networks: list[nn.Module] = []
        changed = encoder.adapted(networks.append, "in training")
        (self._network,) = networks
        places = find_places(self._network)
        first = len(places) // 2
        if not first:
            raise UsageError(
                f"adapters go into the later half of several blocks, but the image tower of "
                f"{encoder.name} has {len(places)} block(s); use another encoder"
            )
        self.parameters = insert_inside(self._network, config, places[first:], seed=seed)
        self._network.to(encoder.device)
        self._tower = changed.image_network()
        probe = encoder.preprocess(probe_picture())[None].to(encoder.device)
        self._blank = torch.zeros_like(probe)
        # A bottleneck comes after its block, so the output of the first of these is cached as well.
        self._blocks = [_Replayed(self._network, place) for place in places[: first + 1]]
        self._needed = self._find_needed(probe)
        looks = (len(pictures), n_views, n_looks(encoder.zoom))
        self._cached = [
            torch.empty(*looks, *block.shape, dtype=CACHED_AS) for block in self._needed
        ]
        for number, picture in enumerate(pictures):
            self._cache(number, view_pixels(decode_image(picture), encoder.look, n_views, seed))
            tell("tune", number + 1, len(pictures))
        self._looks = looks
        self.start = self.state()

    @torch.no_grad()
    def rows(self) -> Float[Tensor, "n D"]:
        """Return the features of the pictures themselves, from the tower in its current state."""
        n, _, n_looks = self._looks
        features = [
            self._features([cached[batch, 0].flatten(0, 1) for cached in self._cached])
            for batch in torch.split(torch.arange(n), max(1, LOOKS_AT_ONCE // n_looks))
        ]
        return _joined(torch.cat(features).reshape(n, n_looks, -1))

    def drawn(self, pictures: Int[Tensor, " b"], draw: torch.Generator) -> Float[Tensor, "b D"]:
        """Return features of one random look at a random view, used for all looks to save time.

        The bottlenecks have gradients.
        """
        _, n_views, n_looks = self._looks
        views, looks = (
            torch.randint(n, (len(pictures),), generator=draw) for n in (n_views, n_looks)
        )
        features = self._features([cached[pictures, views, looks] for cached in self._cached])
        return _joined(features[:, None].expand(-1, n_looks, -1))

    def state(self) -> list[Tensor]:
        """Return a copy of the trained weights, for `restore`."""
        return [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def restore(self, state: Sequence[Tensor]) -> None:
        """Reset the bottlenecks to a state."""
        for parameter, tensor in zip(self.parameters, state, strict=True):
            parameter.copy_(tensor)

    def scale(self, strength: float) -> None:
        """Multiply what the bottlenecks add to blocks by a factor, by scaling `up`."""
        for name, tensor in inside_tensors(self._network).items():
            if name.rpartition("/")[2].startswith("up"):
                tensor.mul_(strength)

    def tensors(self) -> dict[str, Tensor]:
        """The bottlenecks in their current state, for a `StoredAdapter`."""
        tensors = inside_tensors(self._network)
        return {name: tensor.cpu().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def _cache(self, number: int, views: Float[Tensor, "V L 3 height width"]) -> None:
        self._run(views.flatten(0, 1))
        for cached, block in zip(self._cached, self._needed, strict=True):
            cached[number] = block.output.to("cpu", CACHED_AS).reshape(cached.shape[1:])

    def _features(self, cached: Sequence[Tensor]) -> Float[Tensor, "looks width"]:
        """Return the features of looks with these outputs of the needed blocks."""
        n = len(cached[0])
        for block in self._blocks:
            block.replay = self._blank.new_zeros(1).expand(n, *block.shape)
        for block, outputs in zip(self._needed, cached, strict=True):
            block.replay = outputs.to(self._blank)
        features: Tensor = self._tower(self._blank.expand(n, -1, -1, -1))
        return features

    def _run(self, pixels: Tensor) -> None:
        for block in self._blocks:
            block.replay = None
        self._tower(pixels.to(self._blank, memory_format=torch.channels_last))

    @torch.no_grad()
    def _find_needed(self, probe: Tensor) -> list[_Replayed]:
        """Return the first blocks whose output is read by later parts of the tower."""
        self._run(probe)
        outputs = [block.output for block in self._blocks]

        def reaches_features(number: int) -> bool:
            for block, output in zip(self._blocks, outputs, strict=True):
                block.replay = output
            self._blocks[number].replay = torch.full_like(outputs[number], torch.nan)
            return bool(self._tower(self._blank).isnan().any())

        return [block for n, block in enumerate(self._blocks) if reaches_features(n)]


class _Replayed:
    """A block that replays a given output, or records its own."""

    output: Tensor

    def __init__(self, network: nn.Module, place: Place) -> None:
        self.shape = place.shape
        self.replay: Tensor | None = None
        block: Any = network.get_submodule(place.name)
        compute = block.forward

        def forward(*args: Any, **kwargs: Any) -> Tensor:
            if self.replay is None:
                self.output = compute(*args, **kwargs)
                return self.output
            return self.replay

        block.forward = forward


def _joined(looks: Float[Tensor, "n L width"]) -> Float[Tensor, "n D"]:
    weights = torch.from_numpy(join_looks(np.ones((1, looks.shape[1], 1), np.float32)))[0]
    # On the CPU, where the labels are; the work on rows is small compared with the tower.
    return (looks.cpu() * weights[:, None]).flatten(1)
