"""Tiny models of each family of transformers, with random weights, as folders of the hub."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SIDE = 32
VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
}
TEXT = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
MIXED = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}


def save_family(family: str, folder: Path) -> Any:
    """Save a model of the family with its processor and tokenizer; return the model."""
    import transformers

    torch.manual_seed(0)
    model = _MODELS[family](transformers).eval()
    # Drawn tables and normalizations are zeros and ones, with which wrong parts would agree.
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    processor, size = _PROCESSORS[family.partition("+")[0]]
    kind = getattr(transformers, processor)
    kind(**size, image_mean=MIXED["mean"], image_std=MIXED["std"]).save_pretrained(folder)
    if family in _TOKENIZERS:
        _TOKENIZERS[family](transformers).save_pretrained(folder)
    return model


def _clip(transformers: Any, kind: str = "CLIP") -> Any:
    config = getattr(transformers, f"{kind}Config")(
        vision_config=VIT | {"intermediate_size": 48},
        text_config=TEXT
        | {"num_attention_heads": 2, "max_position_embeddings": 20, "vocab_size": 600}
        | {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
        projection_dim=16,
    )
    return getattr(transformers, f"{kind}Model")(config)


def _siglip(transformers: Any) -> Any:
    config = transformers.SiglipConfig(
        vision_config=VIT | {"intermediate_size": 48},
        text_config=TEXT
        | {"hidden_size": 32, "num_attention_heads": 2, "max_position_embeddings": 64}
        | {"vocab_size": 600, "projection_size": 32},
    )
    return transformers.SiglipModel(config)


def _vision(kind: str, **options: Any) -> Callable[[Any], Any]:
    def make(transformers: Any) -> Any:
        name, _, head = kind.partition(":")
        config = getattr(transformers, f"{name}Config")(**options)
        return getattr(transformers, head or f"{name}Model")(config)

    return make


_STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}
_WIDE = VIT | {"intermediate_size": 48}
_MODELS: dict[str, Callable[[Any], Any]] = {
    "clip": _clip,
    "metaclip_2": functools.partial(_clip, kind="MetaClip2"),
    "siglip": _siglip,
    "siglip+2": _siglip,
    "clip_vision_model": _vision(
        "CLIPVision:CLIPVisionModelWithProjection", **_WIDE, projection_dim=16
    ),
    "siglip_vision_model": _vision("SiglipVision", **_WIDE),
    "dinov2": _vision("Dinov2", **VIT),
    "dinov2_with_registers": _vision("Dinov2WithRegisters", **VIT, num_register_tokens=2),
    "dinov3_vit": _vision("DINOv3ViT", **_WIDE, num_register_tokens=3),
    "dinov3_convnext": _vision("DINOv3ConvNext", **_STAGES),
    # Published weights have a classifier and no pooler.
    "vit": _vision("ViT:ViTForImageClassification", **_WIDE),
    "convnext": _vision("ConvNext:ConvNextForImageClassification", **_STAGES),
    "convnextv2": _vision("ConvNextV2", **_STAGES),
}
_CROPPED = {"size": {"shortest_edge": 37}, "crop_size": {"height": SIDE, "width": SIDE}}
_EQUAL = _CROPPED | {"size": {"shortest_edge": SIDE}}
_SQUASHED = {"size": {"height": SIDE, "width": SIDE}}
_PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "clip": ("CLIPImageProcessor", _EQUAL),
    "metaclip_2": ("CLIPImageProcessor", _EQUAL),
    "siglip": ("SiglipImageProcessor", _SQUASHED),
    "clip_vision_model": ("CLIPImageProcessor", _EQUAL),
    "siglip_vision_model": ("SiglipImageProcessor", _SQUASHED),
    "dinov2": ("BitImageProcessor", _CROPPED),
    "dinov2_with_registers": ("BitImageProcessor", _CROPPED),
    "dinov3_vit": ("DINOv3ViTImageProcessor", _SQUASHED),
    "dinov3_convnext": ("DINOv3ViTImageProcessor", _SQUASHED),
    "vit": ("ViTImageProcessor", _SQUASHED),
    "convnext": ("ConvNextImageProcessor", {"size": {"shortest_edge": SIDE}}),
    "convnextv2": ("ConvNextImageProcessor", {"size": {"shortest_edge": SIDE}}),
}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,"
FAMILIES = tuple(_MODELS)
WITH_TEXTS = ("clip", "metaclip_2", "siglip", "siglip+2")


def _clip_tokenizer(transformers: Any) -> Any:
    tokens = ["<|startoftext|>", "<|endoftext|>"]
    tokens += [letter + end for letter in LETTERS for end in ("", "</w>")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return transformers.CLIPTokenizer(vocabulary, merges=[])


def _siglip_tokenizer(transformers: Any, folder: Path | None = None) -> Any:
    import tempfile

    import sentencepiece

    model = io.BytesIO()
    corpus = ["a photo of a red fox", "a heron in the snow", "two birds by a river", LETTERS]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus),
        model_writer=model,
        vocab_size=64,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "spiece.model"
        file.write_bytes(model.getvalue())
        return transformers.SiglipTokenizer(str(file))


def gemma_tokenizer(transformers: Any, kind: str = "GemmaTokenizer") -> Any:
    """The tokenizer of SigLIP 2, as its published files name it, or its successor."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *LETTERS, "▁"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return getattr(transformers, kind)(vocab=vocabulary, merges=[])


_TOKENIZERS = {
    "clip": _clip_tokenizer,
    "metaclip_2": _clip_tokenizer,
    "siglip": _siglip_tokenizer,
    "siglip+2": gemma_tokenizer,
}
