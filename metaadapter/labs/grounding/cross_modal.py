"""The cross-modal adapter: places of a picture attend to the words of a phrase, and the reverse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, gelu, interpolate, normalize, one_hot, softplus

from metaadapter.labs.grounding.tokens import EXAMPLE, MOST_WORDS, PhraseTokens, PictureTokens

# Chosen by the boxes of 35 photographs of clothes and trash, and on scenes for validation.
OUTER, FLATTER, GROWTHS = 0.2, 0.5, 4


class GroundingMaps(NamedTuple):
    """The place of a phrase in a picture, for each task."""

    heat_Thw: Float[Tensor, "tasks height width"]
    """A logit for each place of the finer grid; their softmax is the heat."""
    boxes_Thw4: Float[Tensor, "tasks height width 4"]
    """The box predicted at each place: left, top, right, bottom in fractions of the picture."""
    presence_T: Float[Tensor, " tasks"]
    """The logit of the probability that the picture shows what the phrase names."""

    def boxes_at_peak(self) -> Float[Tensor, "tasks 4"]:
        """Return the box of the object at the hottest place.

        The first box is that of the hottest place. The next has for each side the one that `OUTER`
        of the places within reach beyond: many places propose the box of a part of the object only,
        so the box grows from the part to the whole.
        """
        boxes = self.boxes_Thw4.flatten(1, 2)
        box = boxes[torch.arange(len(boxes)), self.heat_Thw.flatten(1).argmax(1)]
        for _ in range(GROWTHS):
            weight = self._weight_within(box)
            low = _quantile(boxes[..., :2], weight, OUTER)
            high = _quantile(boxes[..., 2:], weight, 1 - OUTER)
            box = torch.cat([low, high], 1).clamp(0, 1)
        return box

    def _weight_within(self, around_T4: Float[Tensor, "tasks 4"]) -> Float[Tensor, "tasks places"]:
        """Return the shares of places, by the power `FLATTER` of their heat; the sum is 1.

        The hottest place and the places within a box have a share.
        """
        centres = place_centres(*self.heat_Thw.shape[1:]).to(self.heat_Thw).flatten(0, 1)
        around = around_T4[:, None]
        inside = ((centres >= around[..., :2]) & (centres <= around[..., 2:])).all(2)
        heat = self.heat_Thw.flatten(1)
        # A box may be smaller than a place.
        inside = inside | (heat == heat.max(1, keepdim=True).values)
        weight = (FLATTER * heat).softmax(1) * inside
        return weight / weight.sum(1, keepdim=True)


def place_centres(high: int, wide: int) -> Float[Tensor, "high wide 2"]:
    """Return the centres of the places of a grid, across and down, in fractions of the picture."""
    down, across = (torch.arange(n) + 0.5 for n in (high, wide))
    return torch.stack(torch.meshgrid(across / wide, down / high, indexing="xy"), -1)


def _quantile(
    values: Float[Tensor, "tasks places sides"],
    weight: Float[Tensor, "tasks places"],
    share: float,
) -> Float[Tensor, "tasks sides"]:
    """Return the least values that at least `share` of the weight does not exceed."""
    ordered, order = values.sort(1)
    below = weight[..., None].expand_as(values).gather(1, order).cumsum(1)
    number = (below < share).sum(1, keepdim=True).clamp(max=values.shape[1] - 1)
    return ordered.gather(1, number)[:, 0]


@final
class GuidedAttention(nn.Module):
    """Multi-head attention, whose logits include the known similarity of tokens.

    `with_maps` adds to the output the mean of the logits over the keys, with learned weights: a
    softmax shows which token fits best, but not how well it fits.
    """

    def __init__(
        self, width: int, heads: int, *, guided: bool = True, with_maps: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.trust = nn.Parameter(torch.ones(heads)) if guided else None
        self.salience = nn.Linear(width, heads) if with_maps else None
        self.map_out = nn.Linear(heads, width) if with_maps else None

    def forward(
        self,
        queries: Float[Tensor, "tasks a width"],
        keys: Float[Tensor, "tasks b width"],
        similarity: Float[Tensor, "tasks a b"] | None = None,
    ) -> Float[Tensor, "tasks a width"]:
        """Return the output for each query token, from the key tokens."""
        q, k, v = (
            rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)
            for rows in (self.query(queries), self.key(keys), self.value(keys))
        )
        logits = q @ k.mT / math.sqrt(q.shape[-1])
        if self.trust is not None and similarity is not None:
            logits = logits + self.trust[:, None, None] * similarity[:, None]
        output: Tensor = self.out((logits.softmax(3) @ v).transpose(1, 2).flatten(2))
        if self.salience is not None and self.map_out is not None:
            weight = self.salience(keys).mT[:, :, None].softmax(3)
            output = output + self.map_out((logits * weight).sum(3).transpose(1, 2))
        return output


N_WAVES = 4
N_KINDS = EXAMPLE + 1
# The size of differences between cosines of places with texts.
COSINE_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class CrossModalConfig:
    """The encoder and the shape of a cross-modal adapter."""

    encoder: str
    digest: str
    size: tuple[int, int]
    """The width and height in pixels to which whole pictures are resized for the encoder."""
    dim: int
    stage_dim: int
    logit_scale: float
    width: int = 64
    """The width to which the space of texts (`dim`) and the finer stage are projected."""
    heads: int = 4
    rounds: int = 2


def frozen_map(
    joint_THWD: Float[Tensor, "tasks h w dim"],
    phrase_TD: Float[Tensor, "tasks dim"],
    logit_scale: float,
    size: tuple[int, int],
) -> Float[Tensor, "tasks height width"]:
    """Return the frozen encoder's map: the logit of each place with the phrase, resized."""
    cosines = torch.einsum("thwd,td->thw", normalize(joint_THWD, dim=-1), phrase_TD)
    return logit_scale * interpolate(cosines[:, None], size, mode="bilinear")[:, 0]


@final
class CrossModalAdapter(nn.Module):
    """Corrects the frozen map by attention between places and words.

    Both are projected to one width. In each round the words attend to all places, guided by their
    similarity, and to one another; then the places attend to the words. The last projection, to the
    map, starts at zero, so an untrained adapter gives exactly the frozen map.
    """

    def __init__(self, config: CrossModalConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        # The mean of all places of all pictures, which is subtracted from examples.
        self.centre: Tensor
        self.register_buffer("centre", torch.zeros(config.dim))
        self.patch_down = nn.Linear(config.dim, width)
        self.stage_down = nn.Linear(config.stage_dim, width)
        self.colour_in = nn.Sequential(
            nn.Linear(6, width // 2), nn.GELU(), nn.Linear(width // 2, width)
        )
        self.position_in = nn.Linear(4 * N_WAVES, width)
        self.word_down = nn.Linear(config.dim, width)
        self.kind = nn.Embedding(N_KINDS, width)
        self.place = nn.Embedding(MOST_WORDS, width)
        self.rounds = nn.ModuleList(_Round(width, config.heads) for _ in range(config.rounds))
        self.fine_in = nn.Linear(config.stage_dim, width // 2)
        self.fine_mix = nn.Conv2d(width // 2, width // 2, 3, padding=1, groups=width // 2)
        self.to_fine = nn.Linear(width, width // 2)
        self.up = nn.Linear(width // 2, 5)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.presence = nn.Sequential(
            nn.Linear(2 * width + 2 * N_KINDS, width), nn.GELU(), nn.Linear(width, 1)
        )

    def forward(self, pictures: PictureTokens, phrases: PhraseTokens) -> GroundingMaps:
        """Ground each phrase in the picture of the same number."""
        high, wide = pictures.joint_NHWD.shape[1:3]
        fine_high, fine_wide = pictures.stage_NhwC.shape[1:3]
        joint = normalize(pictures.joint_NHWD, dim=-1)
        stage = normalize(pictures.stage_NhwC, dim=-1)
        patches = self.patch_down(joint * joint.shape[-1] ** 0.5)
        details = self.stage_down(stage * stage.shape[-1] ** 0.5)
        details = details + self.colour_in(4 * pictures.colour_Nhw6 - 2)
        patches = patches + _resized(details, (high, wide))
        patches = patches + self.position_in(_waves(high, wide).to(patches))
        patches_TPW = patches.flatten(1, 2)
        words = self.word_down(phrases.vectors_TLD * phrases.vectors_TLD.shape[-1] ** 0.5)
        words = words + self.kind(phrases.kinds_TL) + self.place(phrases.places_TL)
        cosines = phrases.vectors_TLD @ joint.flatten(1, 2).mT
        spread = cosines.std(2, keepdim=True) + 1e-4
        similarity_TLP = (cosines - cosines.mean(2, keepdim=True)) / spread
        for attend in self.rounds:
            words, patches_TPW = attend(words, patches_TPW, similarity_TLP, (high, wide))
        presence = self.presence(_evidence(words, patches_TPW, cosines, phrases))[:, 0]
        coarse = self.to_fine(patches_TPW).reshape(len(patches_TPW), high, wide, -1)
        fine = _resized(coarse, (fine_high, fine_wide))
        fine = fine + self.fine_in(stage * stage.shape[-1] ** 0.5)
        fine = gelu(fine + self.fine_mix(fine.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        change = self.up(fine)
        frozen = frozen_map(
            pictures.joint_NHWD,
            phrases.vectors_TLD[:, 0],
            self.config.logit_scale,
            (fine_high, fine_wide),
        )
        return GroundingMaps(frozen + change[..., 0], _boxes(change[..., 1:]), presence)


class _Round(nn.Module):
    """Words attend to places and to one another, then places to words."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.word_norm, self.patch_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.words_to_patches = GuidedAttention(width, heads)
        self.self_norm = nn.LayerNorm(width)
        self.among_words = GuidedAttention(width, heads, guided=False)
        self.word_mlp = _bottleneck(width)
        self.patches_to_words = GuidedAttention(width, heads, with_maps=True)
        # A place inside a large object has to know how far the object reaches.
        self.among_norm = nn.LayerNorm(width)
        self.among_patches = GuidedAttention(width, heads, guided=False)
        self.around = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.patch_mlp = _bottleneck(width)

    def forward(
        self,
        words: Float[Tensor, "tasks length width"],
        patches: Float[Tensor, "tasks places width"],
        similarity: Float[Tensor, "tasks length places"],
        grid: tuple[int, int],
    ) -> tuple[Float[Tensor, "tasks length width"], Float[Tensor, "tasks places width"]]:
        keys = self.patch_norm(patches)
        words = words + self.words_to_patches(self.word_norm(words), keys, similarity)
        normed = self.self_norm(words)
        words = words + self.among_words(normed, normed)
        words = words + self.word_mlp(words)
        patches = patches + self.patches_to_words(keys, self.word_norm(words), similarity.mT)
        normed = self.among_norm(patches)
        patches = patches + self.among_patches(normed, normed)
        maps = patches.mT.reshape(*patches.mT.shape[:2], *grid)
        patches = patches + self.around(maps).flatten(2).mT
        return words, patches + self.patch_mlp(patches)


def _evidence(
    words: Float[Tensor, "tasks length width"],
    patches: Float[Tensor, "tasks places width"],
    cosines: Float[Tensor, "tasks length places"],
    phrases: PhraseTokens,
) -> Float[Tensor, "tasks numbers"]:
    """Return the phrase, the place that fits it most, and how well tokens of each kind fit."""
    hot = (cosines[:, :1] / COSINE_SPREAD).softmax(2) @ patches
    fits = torch.stack([cosines.max(2).values, cosines.mean(2)], -1) / COSINE_SPREAD
    of_kind = one_hot(phrases.kinds_TL, N_KINDS)
    counts = of_kind.sum(1).clamp(min=1)[..., None]
    by_kind = torch.einsum("tlk,tlf->tkf", of_kind.to(fits), fits) / counts
    return torch.cat([words[:, 0], hot[:, 0], by_kind.flatten(1)], 1)


def _bottleneck(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
    )


def _resized(
    maps: Float[Tensor, "n h w width"], size: tuple[int, int]
) -> Float[Tensor, "n high wide width"]:
    moved = maps.permute(0, 3, 1, 2)
    if moved.shape[-2] > size[0]:
        factor = moved.shape[-2] // size[0], moved.shape[-1] // size[1]
        return avg_pool2d(moved, factor).permute(0, 2, 3, 1)
    return interpolate(moved, size, mode="bilinear").permute(0, 2, 3, 1)


def _waves(high: int, wide: int) -> Float[Tensor, "high wide waves"]:
    angles = place_centres(high, wide)[..., None] * math.pi * 2.0 ** torch.arange(-1, N_WAVES - 1)
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(2)


def _boxes(sides: Float[Tensor, "tasks h w 4"]) -> Float[Tensor, "tasks h w 4"]:
    """Return boxes; softplus of `sides` gives the distances of each place to the four sides."""
    centres = place_centres(*sides.shape[1:3]).to(sides)
    # An untrained adapter gives boxes of a third of the picture.
    distances = softplus(sides - 1.7)
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
