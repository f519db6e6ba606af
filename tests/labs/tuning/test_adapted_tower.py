from __future__ import annotations

import pytest
import torch

from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.towers.bottleneck import insert_bottlenecks
from metaadapter.features.towers.places import find_places
from metaadapter.labs.tuning import adapted_tower
from metaadapter.labs.tuning.adapted_tower import CachedBlocks

BLOCKS = {"blocks": ("joint", "stages")}


def adapted(encoder, first):
    """A copy with bottlenecks that change something behind the blocks from `first` on."""
    networks = []
    torch.manual_seed(7)

    def change(network):
        places = [place for place in find_places(network) if place.tower == "image"]
        for bottleneck in insert_bottlenecks(network, places[first:], hidden=4).values():
            torch.nn.init.normal_(bottleneck.up.weight, std=0.1)
        networks.append((network, places[: first + 1]))

    return encoder.adapted(change, "test"), *networks[0]


def cache_of(encoder, first, n_looks=6):
    """The cache of looks in front of the bottlenecks, the changed encoder and its network."""
    changed, network, in_front = adapted(encoder, first)
    probe = encoder.preprocess(probe_picture())[None]
    cache = CachedBlocks(changed.image_network(), network, in_front, probe, n_looks)
    return cache, changed, network


@pytest.fixture
def looks(make_encoder):
    torch.manual_seed(1)
    return torch.rand(6, 3, 64, 64)


@pytest.mark.parametrize("blocks", [{}, BLOCKS])
@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_cached_looks_have_the_features_of_the_tower(
    make_encoder, monkeypatch, looks, kind, blocks
):
    monkeypatch.setattr(adapted_tower, "CACHED_AS", torch.float32)
    encoder = make_encoder(kind, **blocks)
    looks = looks[..., :32, :32] if kind == "vit" else looks
    cache, *_ = cache_of(encoder, 1)
    cache.add(looks[:4])
    cache.add(looks[4:])
    result = cache.features(torch.tensor([5, 0, 3]))

    # A second tower with the same adapters has seen the pixels, and nothing was kept of them.
    expected = adapted(encoder, 1)[0].encode_pixels(looks)[[5, 0, 3]]
    assert len(cache) == 6
    torch.testing.assert_close(result.detach(), expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(expected, encoder.encode_pixels(looks)[[5, 0, 3]], atol=1e-3)


def test_half_precision_moves_features_by_less_than_a_thousandth(make_encoder, looks):
    encoder = make_encoder("timm", **BLOCKS)
    cache, *_ = cache_of(encoder, 2)
    cache.add(looks)

    expected = adapted(encoder, 2)[0].encode_pixels(looks)
    assert (cache.features(torch.arange(6)) - expected).norm(dim=1).max() < 1e-3


def test_gradients_reach_the_adapters_through_cached_looks(make_encoder, looks):
    encoder = make_encoder("timm")
    cache, changed, network = cache_of(encoder, 2)
    cache.add(looks)
    again, other_network, _ = adapted(encoder, 2)
    target = torch.eye(changed.dim // 2)[0]

    def gradients(features, of):
        trained = [weight for weight in of.parameters() if weight.requires_grad]
        return torch.autograd.grad((features @ target).sum(), trained)

    from_cache = gradients(cache.features(torch.arange(6)), network)
    expected = gradients(again.image_network()(looks), other_network)
    for result, wanted in zip(from_cache, expected, strict=True):
        assert (result - wanted).norm() < 0.01 * wanted.norm()
