"""Names of encoders that others understand, and those that hold a path of this machine."""

from __future__ import annotations

import pytest

from metaadapter.features.encoder_source import base_models, is_public_name


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("tiny", []),
        ("tiny-128", []),
        ("a space of my own", []),
        ("timm:resnet10t.c3_in1k", []),
        ("hf-hub:imageomics/bioclip-2", ["imageomics/bioclip-2"]),
        ("hf-hub:facebook/dinov2-base@refs/pr/1", ["facebook/dinov2-base"]),
        ("ViT-B-32/laion2b_s34b_b79k", ["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"]),
        ("tiny+timm:vit_small_patch14_dinov2.lvd142m", []),
        ("hf-hub:a/b+text:hf-hub:c/d+timm:resnet10t", ["a/b", "c/d"]),
    ],
)
def test_public_name__names_its_repositories(name, models):
    assert is_public_name(name)
    assert base_models(name) == models
