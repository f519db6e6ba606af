"""The size of each encoder's weights, and the time of a picture relative to the encoder `tiny`.

Models have the published configurations and random weights. CPU time of one thread, the smallest
of several rounds in which it and `tiny` take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import open_clip
import torch
import transformers as hf

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.transformers_model import FAMILIES, ImageTower

ROUNDS, BATCH = 3, 4
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
LARGE |= {"num_attention_heads": 16, "patch_size": 14, "projection_dim": 768}
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


def n_bytes(make: Callable[[], Any]) -> int:
    """Return the size of a model's parameters in float32, without making them."""
    with torch.device("meta"):
        return 4 * sum(parameter.numel() for parameter in make().parameters())


def towers() -> Iterator[tuple[str, int, Any]]:
    """Make one image tower after the other: name, size of all weights, tower."""
    for name, (kind, config) in families().items():
        family = FAMILIES[kind]
        size = n_bytes(lambda f=family, c=config: getattr(hf, f.model)(c, **f.options))
        vision = getattr(config, "vision_config", None)
        if vision is not None:
            kind, config = f"{kind}_vision_model", vision
        family = FAMILIES[kind]
        yield (
            name,
            size,
            ImageTower(getattr(hf, family.model)(config, **family.options), family, Means),
        )
    for name, model in (("bioclip", "ViT-B-16"), ("bioclip-2", "ViT-L-14")):
        made = open_clip.create_model(model, pretrained=None)
        size = 4 * sum(parameter.numel() for parameter in made.parameters())
        yield f"imageomics/{name}", size, made.visual


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    tiny = FrozenEncoder.load("tiny", device="cpu", zoom=False)
    pixels = torch.randn(BATCH, 3, 224, 224)

    def seconds(run: Any) -> float:
        started = time.process_time()
        run(pixels)
        return time.process_time() - started

    for name, size, tower in towers():
        tower.eval()
        width = tower(pixels[:1]).shape[1]
        pairs = [(seconds(tiny.encode_pixels), seconds(tower)) for _ in range(ROUNDS)]
        ours, theirs = (min(times) for times in zip(*pairs, strict=True))
        print(
            f"{name:36} {width:5} {size / 1e6:7.0f} MB {theirs / ours:6.1f} times tiny, "
            f"{BATCH / theirs:6.2f} pictures/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
