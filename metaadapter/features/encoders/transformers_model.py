"""Models of the package transformers as encoders: CLIP, SigLIP, and families without texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)
from metaadapter.features.encoders.encoder_model import EncoderModel, TwoTowers
from metaadapter.features.encoders.transformers_pictures import preprocessing_of
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import parse_json

CONFIG_FILE = "config.json"
WEIGHTS = "model*.safetensors"


class Family(NamedTuple):
    """A family of models in transformers.

    A family with texts has the two towers `vision_model` and `text_model`, and perhaps a linear
    projection after each. The feature of a picture is the family's own pooled output, or with
    `first_token` the first token after the last normalization.
    """

    model: str
    has_texts: bool = False
    first_token: bool = False
    lower_case: bool = False
    """Whether the text tower was trained on small letters only."""
    options: Mapping[str, Any] = {}


# By `model_type`, the entry of config.json that names the family.
FAMILIES = {
    "clip": Family("CLIPModel", has_texts=True),
    "clip_vision_model": Family("CLIPVisionModelWithProjection"),
    "metaclip_2": Family("MetaClip2Model", has_texts=True),
    # SigLIP 2 of a fixed picture size is of this family, too, with a tokenizer that keeps capitals.
    "siglip": Family("SiglipModel", has_texts=True, lower_case=True),
    "siglip_vision_model": Family("SiglipVisionModel"),
    "dinov2": Family("Dinov2Model"),
    "dinov2_with_registers": Family("Dinov2WithRegistersModel"),
    "dinov3_vit": Family("DINOv3ViTModel"),
    "dinov3_convnext": Family("DINOv3ConvNextModel"),
    # Published weights lack the pooler, a layer that transformers would draw at random.
    "vit": Family("ViTModel", first_token=True, options={"add_pooling_layer": False}),
    "convnext": Family("ConvNextModel"),
    "convnextv2": Family("ConvNextV2Model"),
}
# These entries make transformers fetch program code or other packages.
NOT_READ = ("auto_map", "quantization_config")


@final
class ImageTower(nn.Module):
    """The image tower of a family, from pixels to pooled and projected features."""

    def __init__(self, model: Any, family: Family, processor: Any) -> None:
        super().__init__()
        self.model = getattr(model, "vision_model", model)
        self.projection = getattr(model, "visual_projection", nn.Identity())
        self._first_token = family.first_token
        self.preprocess_cfg = {"mean": processor.image_mean, "std": processor.image_std}

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return the features of preprocessed pictures."""
        joint: Tensor = self.projection(self._pooled(self.model(pixel_values=pixels)))
        return joint

    def blocks(
        self, pixels: Float[Tensor, "n 3 height width"]
    ) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n width"], list[Float[Tensor, "n _ *_"]]]:
        """Return the features, those before the projection, and the map after every stage."""
        output = self.model(pixel_values=pixels, output_hidden_states=True)
        trunk = self._pooled(output)
        # The first state is the input of the first stage. Tokens are (n, tokens, width), and those
        # before the patches belong to no place.
        size, patch = pixels.shape[-2:], getattr(self.model.config, "patch_size", 0)
        maps = [
            state if state.ndim == 4 else state[:, -_n_patches(size, patch) :].mT
            for state in output.hidden_states[1:]
        ]
        return self.projection(trunk), trunk, maps

    def _pooled(self, output: Any) -> Tensor:
        pooled: Tensor
        pooled = output.last_hidden_state[:, 0] if self._first_token else output.pooler_output
        return pooled


@final
class TextTower(nn.Module):
    """The text tower of a family, from token numbers to pooled and projected features."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model.text_model
        self.config = self.model.config
        self.projection = getattr(model, "text_projection", nn.Identity())

    def forward(self, tokens: Int[Tensor, "n length"]) -> Float[Tensor, "n dim"]:
        """Return the features of sentences."""
        # CLIP reads no token after the end of a sentence, and SigLIP was trained on padded ones, so
        # neither needs a mask.
        joint: Tensor = self.projection(self.model(input_ids=tokens).pooler_output)
        return joint


def family_in(folder: Path) -> str | None:
    """Return the `model_type` in a folder's config.json; None if the folder is not of transformers.

    Raises:
        UsageError: The family is not one of `FAMILIES`.
        DataError: The file is damaged.
    """
    kind = _read_config(folder).get("model_type")
    if kind is None or kind in list(FAMILIES):  # it may be a list or an object
        return kind
    hint = ""
    if kind == "siglip2":
        hint = "; its pictures have no fixed size (NaFlex): use a SigLIP 2 of a fixed size"
    raise UsageError(
        f"the model {folder} of transformers is of the family {kind!r}, which is no encoder here"
        f"{hint}; expected one of {', '.join(FAMILIES)}"
    )


def build_transformers(folder: Path) -> EncoderModel:
    """Build the model in a folder, on the CPU in float32; only tensors and settings are read."""
    transformers = _import_transformers()
    values = _read_config(folder)
    family = FAMILIES[values["model_type"]]
    local = {"local_files_only": True, "trust_remote_code": False}
    with _quiet(transformers):
        try:
            model = _model(transformers, folder, family, values)
            # Models were trained on pictures that Pillow resized; DINOv3 has no such processor.
            processor = transformers.AutoImageProcessor.from_pretrained(
                folder, backend="pil", **local
            )
            preprocess = preprocessing_of(processor)
            tokenize = None
            if family.has_texts:
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
                tokenize = _tokenizer(tokenizer, model.config.text_config, family.lower_case)
        except Exception as error:
            if is_shortage(error):
                raise
            raise _explain(folder, error) from error
    network = TwoTowers(
        ImageTower(model, family, processor),
        TextTower(model) if family.has_texts else None,
        getattr(model, "logit_scale", None),
        getattr(model, "logit_bias", None),
    )
    return EncoderModel(network, preprocess, tokenize)


def _model(transformers: Any, folder: Path, family: Family, values: dict[str, Any]) -> Any:
    kind = getattr(transformers, family.model)
    model, report = kind.from_pretrained(
        folder,
        config=kind.config_class.from_dict(_settings(values)),
        dtype=torch.float32,
        attn_implementation="sdpa" if kind._supports_sdpa else "eager",
        use_safetensors=True,
        output_loading_info=True,
        local_files_only=True,
        **family.options,
    )
    # transformers would continue with random tensors.
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"the weights lack {', '.join(missing[:3])}")
    return model


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Hide the logs and progress bars of transformers, which has handlers of its own."""
    log = transformers.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _import_transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingPackage(
            f"an encoder of transformers needs the package transformers, which cannot be imported "
            f"({error}); install the extra: pip install 'metaadapter[hf]'"
        ) from error
    return transformers


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        values = parse_json(regular(folder / CONFIG_FILE).read_bytes())
    except ValueError as error:
        raise DataError(f"{folder / CONFIG_FILE} is damaged: {error}; restore it") from error
    return values if isinstance(values, dict) else {}


def _settings(values: Any) -> Any:
    """Return config.json without entries that name code: those, and private ones."""
    if not isinstance(values, dict):
        return values
    return {
        key: _settings(value)
        for key, value in values.items()
        if not key.startswith("_") and key not in NOT_READ
    }


def _tokenizer(tokenizer: Any, config: Any, lower_case: bool) -> Callable[[list[str]], Tensor]:
    def tokenize(sentences: Sequence[str]) -> Tensor:
        read = [sentence.lower() for sentence in sentences] if lower_case else list(sentences)
        tokens: Tensor = tokenizer(
            read,
            padding="max_length",
            max_length=config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        )["input_ids"]
        return tokens

    # Without its files transformers makes a tokenizer that knows no words.
    one, other = tokenize(["a red fox", "two herons"])
    if one.equal(other) or max(one.max(), other.max()) >= config.vocab_size:
        raise ValueError("the tokenizer's files are missing, or of another model")
    return tokenize


def _n_patches(size: Sequence[int], patch: int) -> int:
    return (size[0] // patch) * (size[1] // patch)


def _explain(folder: Path, error: Exception) -> MetaAdapterError:
    reason = " ".join(str(error).split())[:300]
    if isinstance(error, ImportError):
        return MissingPackage(
            f"the encoder {folder} needs a further package; install the extra: "
            f"pip install 'metaadapter[hf]'; transformers says: {reason}"
        )
    return IncompatibleArtifact(
        f"the encoder {folder} cannot be used: expected {CONFIG_FILE}, the matching weights as "
        ".safetensors, preprocessor_config.json and, for texts, the tokenizer's files, as "
        f"save_pretrained writes them and the hub has them; transformers says: {reason}"
    )
