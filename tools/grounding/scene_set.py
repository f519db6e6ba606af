"""Scenes with the tokens of a frozen encoder at each place, computed once and kept on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.data.output_folder import replace_file
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.tokens import PictureTokens, picture_tokens

BATCH = 16
PARTS = PictureTokens._fields


class SceneSet:
    """The scenes of a split, with tokens in half precision that are read from disk as needed.

    Attributes:
        scenes: The records, as `tools.scenes.make` writes them.
    """

    def __init__(self, scenes: Sequence[dict[str, Any]], tokens: Sequence[np.ndarray]) -> None:
        self.scenes = scenes
        self._tokens = tokens

    @classmethod
    def of(
        cls,
        folder: Path,
        split: str,
        encoder: FrozenEncoder,
        size: tuple[int, int],
        work: Path,
        n_scenes: int | None = None,
    ) -> SceneSet:
        """Read `folder`/`split`.jsonl; compute the tokens that are not yet in `work`.

        The computation can be stopped and started again. `n_scenes` selects the first scenes.
        """
        lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[:n_scenes]
        scenes = [parse_json(line) for line in lines]
        work.mkdir(parents=True, exist_ok=True)
        tokens = _cached_tokens(folder, split, lines, scenes, encoder, size, work)
        return cls(scenes, tokens)

    @cached_property
    def of_name(self) -> dict[str, list[tuple[int, int]]]:
        """Class name → the numbers of scene and object of each instance."""
        instances = defaultdict(list)
        for number, scene in enumerate(self.scenes):
            for place, thing in enumerate(scene["objects"]):
                instances[thing["name"]].append((number, place))
        return dict(instances)

    @cached_property
    def names(self) -> list[str]:
        """The class names, in order."""
        return sorted(self.of_name)

    def tokens(self, numbers: Sequence[int]) -> PictureTokens:
        """The tokens of the scenes with these numbers."""
        chosen = (part[list(numbers)].astype(np.float32) for part in self._tokens)
        return PictureTokens(*map(torch.from_numpy, chosen))

    def region(self, number: int, place: int) -> Tensor:
        """The mean token of an object's box, a unit vector (dim,)."""
        joint = torch.from_numpy(self._tokens[0][number].astype(np.float32))
        inside = coverage(self.scenes[number]["objects"][place]["box"], *joint.shape[:2])
        return normalize((joint * inside[..., None]).sum((0, 1)), dim=-1)

    def centre(self, n_scenes: int = 200) -> Tensor:
        """The mean direction (dim,) of whole scenes."""
        pooled = self.tokens(range(min(n_scenes, len(self.scenes)))).joint_NHWD.mean((1, 2))
        return normalize(pooled, dim=-1).mean(0)


def coverage(box: Sequence[float], height: int, width: int) -> Tensor:
    """The fraction of each place of a (height, width) grid that a box covers."""

    def along(low: float, high: float, n: int) -> np.ndarray:
        starts = np.arange(n) / n
        return np.clip(np.minimum(starts + 1 / n, high) - np.maximum(starts, low), 0, None) * n

    left, top, right, bottom = box
    covered = np.outer(along(top, bottom, height), along(left, right, width))
    return torch.from_numpy(covered.astype(np.float32))


def _cached_tokens(
    folder: Path,
    split: str,
    lines: Sequence[str],
    scenes: Sequence[dict[str, Any]],
    encoder: FrozenEncoder,
    size: tuple[int, int],
    work: Path,
) -> list[np.ndarray]:
    state, paths = work / f"{split}.json", [work / f"{split}.{name}.npy" for name in PARTS]
    identity = {
        "encoder": encoder.fingerprint.digest,
        "size": list(size),
        "scenes": len(scenes),
        "sha256": sha256("\n".join(lines).encode()).hexdigest(),
    }
    known = parse_json(state.read_text(encoding="utf-8")) if state.is_file() else {}
    done = known.pop("done", 0) if known.keys() >= identity.keys() else 0
    is_same = known == identity
    first = picture_tokens(encoder, [_picture(folder, scenes[0])], size)
    maps = [
        np.lib.format.open_memmap(
            path, "r+" if is_same else "w+", np.float16, (len(scenes), *part.shape[1:])
        )
        for path, part in zip(paths, first, strict=True)
    ]
    starts = range(done if is_same else 0, len(scenes), BATCH)
    for start in track(starts, f"{split}: tokens", console=Console(stderr=True)):
        some = [_picture(folder, scene) for scene in scenes[start : start + BATCH]]
        for part, values in zip(maps, picture_tokens(encoder, some, size), strict=True):
            part[start : start + len(some)] = values.half().numpy()
        replace_file(state, json_text({**identity, "done": start + len(some)}))
    return maps


def _picture(folder: Path, scene: dict[str, Any]) -> Image.Image:
    with Image.open(folder / scene["picture"]) as file:
        return file.convert("RGB")
