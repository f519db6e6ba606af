"""The size of each encoder's weights, and the time of a picture relative to the encoder `tiny`.

Models have the published configurations and random weights. CPU time of one thread, the smallest
of several rounds in which all models take turns.
"""

from __future__ import annotations

import time
from typing import Any

import open_clip
import torch
import transformers as hf

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.transformers_model import FAMILIES, ImageTower

ROUNDS, BATCH = 3, 4
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
LARGE |= {"num_attention_heads": 16, "patch_size": 14}
SMALL = {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6}


class Means:
    """The colours of a processor."""

    image_mean = image_std = (0.5, 0.5, 0.5)


def families() -> dict[str, tuple[str, Any]]:
    """Return name → (model_type, configuration)."""
    large = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    dino = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
    return {
        "openai/clip-vit-base-patch32": ("clip", hf.CLIPConfig()),
        "openai/clip-vit-large-patch14": (
            "clip",
            hf.CLIPConfig(vision_config=LARGE, text_config=large, projection_dim=768),
        ),
        "google/siglip-base-patch16-224": ("siglip", hf.SiglipConfig()),
        "google/siglip2-base-patch16-224": (
            "siglip",
            hf.SiglipConfig(text_config={"vocab_size": 256000}),
        ),
        "facebook/dinov2-small": ("dinov2", hf.Dinov2Config(**dino, image_size=518)),
        "facebook/dinov2-base": ("dinov2", hf.Dinov2Config(image_size=518)),
        "facebook/dinov3-vits16": (
            "dinov3_vit",
            hf.DINOv3ViTConfig(**SMALL, num_register_tokens=4),
        ),
        "facebook/dinov3-vitb16": (
            "dinov3_vit",
            hf.DINOv3ViTConfig(**large, num_register_tokens=4),
        ),
        "google/vit-base-patch16-224": ("vit", hf.ViTConfig()),
        "facebook/convnext-tiny-224": ("convnext", hf.ConvNextConfig()),
    }


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    tiny = FrozenEncoder.load("tiny", device="cpu", zoom=False)
    runs: dict[str, Any] = {"tiny": tiny.encode_pixels}
    sizes, widths = {"tiny": 0}, {"tiny": 512}
    for name, (kind, config) in families().items():
        family = FAMILIES[kind]
        made = getattr(hf, family.model)(config, **family.options).eval()
        sizes[name] = sum(parameter.numel() for parameter in made.parameters()) * 4
        runs[name] = ImageTower(made, family, Means).eval()
        if family.has_texts:
            del made.text_model
    for name, model in {
        "imageomics/bioclip": "ViT-B-16",
        "imageomics/bioclip-2": "ViT-L-14",
    }.items():
        made = open_clip.create_model(model, pretrained=None).eval()
        sizes[name] = sum(parameter.numel() for parameter in made.parameters()) * 4
        runs[name] = made.visual
    pixels = torch.randn(BATCH, 3, 224, 224)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.process_time()
            widths[name] = run(pixels).shape[1]
            best[name] = min(best[name], time.process_time() - started)
    for name, seconds in best.items():
        ratio = seconds / best["tiny"]
        rate = BATCH / seconds
        print(f"{name:36} {widths[name]:5} {sizes[name] / 1e6:7.0f} MB {ratio:6.1f}x {rate:6.2f}/s")


if __name__ == "__main__":
    main()
