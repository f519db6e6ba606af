"""ImageNet's 1,000 classes: 798 that shape the joint space, and 202 that are kept out.

The kept-out classes are those of Tiny ImageNet, which thus stays a fair zero-shot test of the
encoder that is built here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageNetClasses:
    """Names in the order of the classifier's outputs, and which of them may be used."""

    names: tuple[str, ...]
    """1,000 names, as open_clip writes them."""
    kept: tuple[int, ...]
    """Indices of the 798 classes that Tiny ImageNet does not use."""
    kept_out: tuple[int, ...]
    """Indices of the 202 classes that Tiny ImageNet uses."""


def imagenet_classes() -> ImageNetClasses:
    """Read ids from timm, names from open_clip, kept-out ids from `tiny_imagenet_ids.txt`."""
    import timm.data
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    ids = timm.data.ImageNetInfo("imagenet-1k").label_names()
    unseen = set(Path(__file__).with_name("tiny_imagenet_ids.txt").read_text().split())
    missing = unseen - set(ids)
    if missing:
        raise ValueError(f"these ids are not in ImageNet-1k: {sorted(missing)}")
    kept_out = tuple(i for i, wnid in enumerate(ids) if wnid in unseen)
    kept = tuple(i for i, wnid in enumerate(ids) if wnid not in unseen)
    return ImageNetClasses(tuple(IMAGENET_CLASSNAMES), kept, kept_out)
