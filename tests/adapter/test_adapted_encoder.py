from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from metaadapter.adapter import (
    AdapterConfig,
    AdapterWeights,
    Origin,
    StoredAdapter,
    adapted_encoder,
    load_adapter,
    store_adapter,
)
from metaadapter.adapter.skill import check_skill
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features import FrozenEncoder, ModelEncoder
from metaadapter.files.proof import check_files, read_document, unsealed, write_document
from metaadapter.towers import (
    Bottleneck,
    InsideConfig,
    find_places,
    insert_bottlenecks,
    inside_tensors,
    shared_copy,
)

FILE = "towers.safetensors"


@pytest.fixture(scope="module")
def tiny():
    return FrozenEncoder.load("tiny", device="cpu", zoom=False)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    return [Image.fromarray(each).resize((60, 50), Image.Resampling.BICUBIC) for each in pixels]


def stored_with(encoder, seed):
    """An adapter with bottlenecks in both towers that are no identity."""
    network = shared_copy(encoder._network)
    places = [place for place in find_places(network) if place.ends_stage]
    insert_bottlenecks(network, places, hidden=4, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(tensor.shape, generator=draw) / 10 if "/up." in name else tensor
        for name, tensor in inside_tensors(network).items()
    }
    config = AdapterConfig(
        classes=["fox", "lynx"],
        width=encoder.dim,
        n_shots=[1, 1],
        mode="one_shot",
        generator="closed-form",
        generator_id="0123456789ab",
        origin=Origin(encoder=encoder.name, fingerprint=encoder.fingerprint),
        inside=InsideConfig(kind="bottleneck", towers=("image", "text"), width=4, n_steps=7),
    )
    weights = AdapterWeights.zero_shot(torch.eye(2, encoder.dim), 15.0)
    return StoredAdapter(weights, config, None, towers=tensors)


@pytest.fixture(scope="module")
def stored(tiny):
    return stored_with(tiny, 0)


def answers(encoder, pictures):
    return encoder.encode_images(pictures), encoder.encode_texts(["a fox", "a lynx"])


def test_adapted__by_nothing__has_the_features_to_the_bit_and_another_fingerprint(tiny, pictures):
    def change(network):
        insert_bottlenecks(network, find_places(network))

    same = tiny.adapted(change, "new")

    for expected, found in zip(answers(tiny, pictures), answers(same, pictures), strict=True):
        np.testing.assert_array_equal(expected, found)
    assert not tiny.fingerprint.matches(same.fingerprint)
    assert tiny.fingerprint.probe == same.fingerprint.probe
    assert not tiny.fingerprint.matches(tiny.adapted(change, "other").fingerprint)


def test_adapted_encoder__of_an_adapter_without_parts__is_the_base(tiny, stored):
    plain = replace(stored, config=stored.config.model_copy(update={"inside": None}), towers={})

    assert adapted_encoder(tiny, plain) is tiny


def test_adapted_encoders__of_two_adapters_over_one_base__answer_as_each_alone(
    tiny, stored, pictures
):
    other = stored_with(tiny, 1)
    base = answers(tiny, pictures)
    alone = [
        answers(adapted_encoder(FrozenEncoder.load("tiny", device="cpu", zoom=False), it), pictures)
        for it in (stored, other)
    ]

    both = [adapted_encoder(tiny, it) for it in (stored, other)]

    for _ in range(2):
        for encoder, expected in zip(both, alone, strict=True):
            for rows, found in zip(expected, answers(encoder, pictures), strict=True):
                np.testing.assert_array_equal(rows, found)
    for rows, found in zip(base, answers(tiny, pictures), strict=True):
        np.testing.assert_array_equal(rows, found)
    assert not np.allclose(alone[0][0], alone[1][0], atol=1e-2)
    assert not np.allclose(alone[0][0], base[0], atol=1e-2)


def test_adapted_encoders__used_in_two_threads__do_not_see_each_other(tiny, stored, pictures):
    encoders = [tiny, adapted_encoder(tiny, stored)]
    expected = [encoder.encode_images(pictures) for encoder in encoders]
    found: list[list[np.ndarray]] = [[], []]

    def ask(number):
        found[number] = [encoders[number].encode_images(pictures) for _ in range(4)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for rows, several in zip(expected, found, strict=True):
        assert len(several) == 4
        assert all(np.array_equal(rows, each) for each in several)


def test_adapted_encoder__holds_no_weight_of_the_base_twice(tiny, stored):
    adapted = adapted_encoder(tiny, stored)

    base = {tensor.data_ptr() for tensor in tiny._network.parameters()}
    own = [each for each in adapted._network.parameters() if each.data_ptr() not in base]
    assert sum(each.numel() for each in own) == sum(each.numel() for each in stored.towers.values())
    assert not any(isinstance(module, Bottleneck) for module in tiny._network.modules())


def test_adapted_encoder__of_texts_alone__leaves_pictures_as_they_are(tiny, stored, pictures):
    texts = {name: each for name, each in stored.towers.items() if name.startswith("inside/text/")}

    adapted = adapted_encoder(tiny, replace(stored, towers=texts))

    np.testing.assert_array_equal(tiny.encode_images(pictures), adapted.encode_images(pictures))
    assert not np.allclose(tiny.encode_texts(["a fox"]), adapted.encode_texts(["a fox"]), atol=1e-2)
    assert not tiny.fingerprint.matches(adapted.fingerprint)


def test_adapted_encoder__of_another_base__is_refused(stored):
    other = FrozenEncoder.load("tiny-128", device="cpu", zoom=False, blocks=("joint", "stages"))

    with pytest.raises(IncompatibleArtifact, match="the adapter of fox, lynx was made with the"):
        adapted_encoder(other, stored)


def test_adapted_encoder__of_a_model_of_ones_own__is_refused(stored):
    class Mean(torch.nn.Module):
        def forward(self, pixels):
            return pixels.mean((2, 3)) + 0.1

    def preprocess(picture):
        return torch.from_numpy(np.array(picture.resize((4, 4)))).permute(2, 0, 1).float()

    own = ModelEncoder("own", Mean(), preprocess, zoom=False, device="cpu")

    with pytest.raises(UsageError, match="the encoder own is of your own; use the encoder tiny"):
        adapted_encoder(own, stored)


@pytest.mark.parametrize("name", ["folder", "skill.adapter"])
def test_store__adapter_with_parts__comes_back_to_the_bit(tiny, stored, pictures, tmp_path, name):
    store_adapter(tmp_path / name, stored)

    again = load_adapter(tmp_path / name)

    assert again.config == stored.config
    assert again.towers.keys() == stored.towers.keys()
    assert all(torch.equal(again.towers[each], stored.towers[each]) for each in stored.towers)
    one, other = adapted_encoder(tiny, stored), adapted_encoder(tiny, again)
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(one.encode_images(pictures), other.encode_images(pictures))


def test_store__over_an_adapter_with_parts__leaves_none_of_them(stored, tmp_path):
    plain = replace(stored, config=stored.config.model_copy(update={"inside": None}), towers={})
    store_adapter(tmp_path, stored)

    store_adapter(tmp_path, plain)

    assert not (tmp_path / FILE).exists()
    assert not load_adapter(tmp_path).towers


def test_schema__of_an_adapter_with_parts__is_refused_by_versions_before_it(stored, tmp_path):
    plain = replace(stored, config=stored.config.model_copy(update={"inside": None}), towers={})
    for name, adapter in (("parts", stored), ("plain", plain)):
        store_adapter(tmp_path / name, adapter)

    facts, _ = read_document(
        tmp_path / "plain" / "adapter_config.json", "metaadapter.adapter/2", "adapt again"
    )

    assert not {"inside", "prompt"} & facts.keys()
    with pytest.raises(IncompatibleArtifact, match=r"found 'metaadapter.adapter/3'; upgrade"):
        read_document(
            tmp_path / "parts" / "adapter_config.json", "metaadapter.adapter/2", "adapt again"
        )


def test_damage__to_the_parts__is_told_by_each_check(stored, tmp_path):
    store_adapter(tmp_path / "folder", stored)
    store_adapter(tmp_path / "it.adapter", stored)
    for path in (tmp_path / "folder" / FILE, tmp_path / "it.adapter"):
        content = bytearray(path.read_bytes())
        position = content.index(b"down.bias") + 2000
        content[position] ^= 1
        path.write_bytes(content)

    with pytest.raises(DataError, match=r"towers.safetensors is damaged or was changed"):
        load_adapter(tmp_path / "folder")
    with pytest.raises(DataError, match=r"it.adapter"):
        load_adapter(tmp_path / "it.adapter")
    assert [path.name for path, fault in check_files(tmp_path / "folder") if fault] == [FILE]
    assert [fault for _, fault in check_skill(tmp_path / "it.adapter") if fault]


def rewrite(folder, tensors):
    """Put other parts into a folder, as somebody would who computes the hashes as well."""
    (folder / FILE).write_bytes(save(tensors))
    path = folder / "adapter_config.json"
    facts, files = unsealed(json.loads(path.read_bytes()))
    write_document(path, facts, files=[*files])


def test_load__parts_that_the_configuration_does_not_tell_of__are_refused(stored, tmp_path):
    store_adapter(tmp_path, stored)
    rewrite(tmp_path, load((tmp_path / FILE).read_bytes()) | {"prompt/context": torch.zeros(2, 3)})

    with pytest.raises(DataError, match=r"parts \['inside', 'prompt'\], .* tells of \['inside'\]"):
        load_adapter(tmp_path)


def test_load__parts_that_are_no_numbers__are_refused(stored, tmp_path):
    store_adapter(tmp_path, stored)
    tensors = load((tmp_path / FILE).read_bytes())
    rewrite(tmp_path, tensors | {name: each * torch.nan for name, each in [*tensors.items()][:1]})

    with pytest.raises(DataError, match=r"a weight in towers.safetensors is NaN or infinite"):
        load_adapter(tmp_path)


def test_load__missing_parts__are_told(stored, tmp_path):
    store_adapter(tmp_path, stored)
    Path(tmp_path, FILE).unlink()

    with pytest.raises(DataError, match=r"cannot read .*towers.safetensors"):
        load_adapter(tmp_path)
