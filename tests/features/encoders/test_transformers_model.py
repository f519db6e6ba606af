from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from tests.small_transformers import FAMILIES, WITH_TEXTS, gemma_tokenizer, save_family

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow
SENTENCES = ["a red fox", "A Heron in the SNOW, by a river.", "b" * 300]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder and the model of each family, saved once."""
    made = {}

    def save(family):
        if family not in made:
            folder = tmp_path_factory.mktemp("family") / family
            made[family] = folder, save_family(family, folder)
        return made[family]

    return save


def load(folder: Path, **options) -> FrozenEncoder:
    return FrozenEncoder.load(str(folder), device="cpu", **({"zoom": False} | options))


@pytest.fixture(scope="module")
def loaded(saved):
    """The encoder of each family, loaded once."""
    return functools.cache(lambda family: load(saved(family)[0], templates="{}"))


@pytest.fixture
def copied(saved, tmp_path):
    """A copy of a family's folder, which a test may change."""

    def copy(family):
        folder = tmp_path / "copy"
        folder.mkdir()
        for file in saved(family)[0].iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder

    return copy


def change(folder: Path, **values) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def features_of_family(family: str, model, inputs) -> torch.Tensor:
    """The features as the family's own code and its documentation define them."""
    with torch.no_grad():
        if family in WITH_TEXTS:
            return model.get_image_features(**inputs).pooler_output
        if family == "clip_vision_model":
            return model(**inputs).image_embeds
        if family == "vit":
            return model.vit(**inputs).last_hidden_state[:, 0]
        return getattr(model, "convnext", model)(**inputs).pooler_output


@pytest.mark.parametrize("family", FAMILIES)
def test_family__features_of_pictures__are_those_of_its_own_code(saved, loaded, photos, family):
    (folder, model), encoder = saved(family), loaded(family)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")

    rows = encoder.encode_pixels(torch.stack([encoder.preprocess(photo) for photo in photos]))

    inputs = processor(images=photos, return_tensors="pt")
    expected = normalize(features_of_family(family, model, inputs), dim=-1)
    torch.testing.assert_close(rows, expected, atol=1e-5, rtol=0)
    assert isinstance(encoder, ImageEncoder)
    assert encoder.dim == expected.shape[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_family__pixels__are_those_of_its_processor(saved, loaded, photos, family):
    folder, _ = saved(family)
    on_pillow, on_tensors = (
        transformers.AutoImageProcessor.from_pretrained(folder, backend=backend)
        for backend in ("pil", "torchvision")
    )

    for photo in photos:
        pixels = loaded(family).preprocess(photo)
        exact = on_pillow(images=photo, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close(pixels, exact, atol=1e-5, rtol=0)
        # Two levels of brightness, divided by the smallest deviation.
        close = on_tensors(images=photo, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close(pixels, close, atol=2 / 255 / 0.2, rtol=0)


@pytest.mark.parametrize("family", WITH_TEXTS)
def test_family__features_of_texts__are_those_of_its_own_code(saved, loaded, family):
    (folder, model), encoder = saved(family), loaded(family)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    sentences, options = SENTENCES, {"padding": True, "max_length": 20}
    if family.startswith("siglip"):
        options = {"padding": "max_length", "max_length": 64}
    if family == "siglip+2":
        tokenizer = gemma_tokenizer(transformers, "Siglip2Tokenizer")

    rows = encoder.encode_texts(sentences)

    inputs = tokenizer(sentences, truncation=True, return_tensors="pt", **options)
    if family.startswith("siglip"):
        inputs = {"input_ids": inputs["input_ids"]}  # as its processor gives them
    with torch.no_grad():
        expected = normalize(model.get_text_features(**inputs).pooler_output, dim=-1)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert encoder.reads_texts


@pytest.mark.parametrize("family", WITH_TEXTS)
def test_family__logits_of_a_task__are_those_of_its_own_code(saved, loaded, photos, family):
    (_, model), encoder = saved(family), loaded(family)
    tokens = encoder.tokenize(SENTENCES)
    pixels = torch.stack([encoder.preprocess(photo) for photo in photos])

    texts = torch.from_numpy(encoder.encode_texts(SENTENCES))
    logits = encoder.logit_scale * encoder.encode_pixels(pixels) @ texts.T
    if encoder.network.logit_bias is not None:
        logits = logits + encoder.network.logit_bias

    with torch.no_grad():
        expected = model(input_ids=tokens, pixel_values=pixels).logits_per_image
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("family", "n_before"), [("clip", 1), ("siglip", 0), ("dinov3_vit", 4)])
def test_blocks__stages__are_statistics_of_the_patches_after_each_quarter(
    saved, photos, family, n_before
):
    folder, model = saved(family)
    encoder = load(folder, blocks=("joint", "trunk", "stages"))
    pixels = torch.stack([encoder.preprocess(photo) for photo in photos[:2]])

    rows = encoder.encode_pixels(pixels)

    with torch.no_grad():
        tower = getattr(model, "vision_model", model)
        output = tower(pixel_values=pixels, output_hidden_states=True)
    patches = [output.hidden_states[number][:, n_before:] for number in (2, 3, 4, 6)]
    parts = [part for one in patches for part in (one.mean(1), one.std(1, correction=0))]
    stages = rows[:, encoder.look_blocks["joint"] + encoder.look_blocks["trunk"] :]
    expected = normalize(torch.cat(parts, 1), dim=-1)
    torch.testing.assert_close(normalize(stages, dim=-1), expected, atol=1e-5, rtol=0)
    trunk = rows[:, encoder.look_blocks["joint"] :][:, : encoder.look_blocks["trunk"]]
    expected = normalize(output.pooler_output, dim=-1)
    torch.testing.assert_close(normalize(trunk, dim=-1), expected, atol=1e-5, rtol=0)


def test_fingerprint__other_preprocessing_or_settings__is_another(loaded, copied):
    known = loaded("dinov2").fingerprint
    folder = copied("dinov2")
    assert load(folder).fingerprint.matches(known)
    file = folder / "preprocessor_config.json"
    original = file.read_text()
    file.write_text(json.dumps(json.loads(original) | {"image_mean": [0.9, 0.1, 0.5]}))
    assert not load(folder).fingerprint.matches(known)
    file.write_text(original)
    change(folder, layer_norm_eps=1.0)  # no tensor has changed
    assert not load(folder).fingerprint.matches(known)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("bert", "is of the family 'bert', which is no encoder here; expected one of clip, "),
        (["clip"], r"is of the family \['clip'\], which is no encoder here"),
        ("siglip2", r"have no fixed size \(NaFlex\): use a SigLIP 2 of a fixed size"),
    ],
)
def test_family__that_is_unknown__is_refused_with_those_that_are_known(copied, kind, message):
    folder = copied("vit")
    change(folder, model_type=kind)

    with pytest.raises(UsageError, match=message):
        load(folder)


def test_weights__that_lack_a_tensor__are_refused_and_never_drawn(copied):
    folder = copied("dinov2")
    tensors = load_file(folder / "model.safetensors")
    del tensors["layernorm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(IncompatibleArtifact, match=r"the weights lack layernorm\.weight"):
        load(folder)


def test_weights__in_a_pickle__are_never_read(copied):
    folder = copied("dinov2")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(DataError, match=r"no weights as model\.safetensors.*code and are never"):
        load(folder)


def test_code__that_a_folder_names__is_never_run(copied, tmp_path):
    folder = copied("clip")
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n"
    (folder / "evil.py").write_text(code)
    autos = ("AutoConfig", "AutoModel", "AutoImageProcessor", "AutoTokenizer")
    auto_map = {"auto_map": dict.fromkeys(autos, "evil.Evil")}
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | auto_map))
    change(
        folder,
        _attn_implementation="somebody/kernel",
        _attn_implementation_internal="somebody/kernel",
        quantization_config={"quant_method": "gptq"},
    )

    load(folder)

    assert not (tmp_path / "ran").exists()
