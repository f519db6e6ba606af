"""An image tower in 8-bit integers, and the accuracy that this costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.checks import Case
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.files.silence import silence
from metaadapter.files.user_code import is_user_code
from metaadapter.workflow.accuracy import Proportion
from metaadapter.workflow.fit_adapter import generator_that_predicted
from metaadapter.workflow.left_out_accuracy import (
    MAX_PICTURES,
    MAX_PICTURES_REFINED,
    LeftOut,
    predict_left_out,
)

if TYPE_CHECKING:
    from onnx import ModelProto

# `PictureModel` holds the encoder in this attribute, and the exporter notes it at each node.
TOWER, SCOPES = "network", "pkg.torch.onnx.name_scopes"
MOST_TO_SCALE_BY = 100


class Int8Loss(NamedTuple):
    """The effect of 8 bits on the predictions for left-out labelled pictures."""

    before: Proportion
    """Correct predictions with the encoder in float32."""
    after: Proportion
    """Correct predictions with the encoder in 8 bits."""
    same: Proportion
    """Pictures whose predicted class stays the same."""
    moved: float
    """The largest change among the probabilities of a picture, averaged over the pictures."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        parts = {name: getattr(self, name).to_dict() for name in ("before", "after", "same")}
        return {**parts, "moved": self.moved}

    def __str__(self) -> str:
        return (
            f"8 bits: of {self.before.n} labelled pictures, each left out of its adapter, "
            f"{self.after.value:.1%} are predicted correctly ({self.before.value:.1%} in float32); "
            f"{self.same.value:.1%} keep their prediction, and the largest change of a probability "
            f"is {self.moved:.3f} on average"
        )


def int8_model(model: ModelProto, cases: Callable[[], Iterable[Case]]) -> ModelProto:
    """Return the model with the weights and activations of its image tower in 8 bits.

    This is the static quantisation of onnxruntime. A weight is scaled by the largest one of its
    channel, an activation by the largest one in the first hundred pictures of the cases.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, quantize_static

    name, tower = model.graph.input[0].name, _nodes_of_tower(model)
    alone = islice((case.batch for case in cases() if len(case) == 1), MOST_TO_SCALE_BY)
    with TemporaryDirectory() as folder, silence():
        exact, path = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        exact.write_bytes(model.SerializeToString())
        quantize_static(
            str(exact),
            str(path),
            _Batches({name: batch} for batch in alone),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            nodes_to_quantize=tower,
        )
        quantized: ModelProto = onnx.load(path)
    return quantized


def require_measurable(stored: StoredAdapter, *, owner: Path) -> None:
    """Raise a `UsageError` if the adapter cannot be predicted again, to measure the effect."""
    if stored.support is None:
        raise UsageError(
            f"the adapter {owner} was saved without the features of its pictures, on which --int8 "
            "measures the lost accuracy; adapt again"
        )
    if is_user_code(stored.config.generator):
        raise UsageError(
            f"the generator of the adapter {owner} is your own code, {stored.config.generator}. "
            "--int8 would have to run it to measure the lost accuracy, and an adapter never runs "
            "code; export without --int8"
        )


def match_support(
    stored: StoredAdapter, pictures: EncodedPictures, *, owner: Path
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return the places of pictures that are in the support too, and their places in it."""
    place_of = {sha256: place for place, sha256 in enumerate(stored.picture_hashes) if sha256}
    numbers = [n for n, sha256 in enumerate(pictures.sha256) if sha256 in place_of]
    if numbers:
        return np.array(numbers), np.array([place_of[pictures.sha256[n]] for n in numbers])
    raise UsageError(
        f"--int8 measures the lost accuracy on pictures that the adapter {owner} was predicted "
        "from, and --pictures has none of these; give the folder that you adapted from"
    )


def int8_loss(
    stored: StoredAdapter, places: Int[np.ndarray, " k"], rows: Float[np.ndarray, "k D"]
) -> Int8Loss | None:
    """Measure the effect of 8 bits: `rows` replace the labelled pictures at these places.

    Of too many pictures only the first are used, as for the leave-one-out accuracy of an adapter.
    Return `None` if every picture is alone in its class.
    """
    config, support = stored.config, stored.support
    assert support is not None
    most = MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES
    generator = generator_that_predicted(config.generator, config.generator_id)
    labelled = support.pictures()[0].clone()
    labelled[places[:most]] = torch.from_numpy(rows[:most]).to(labelled)
    asked = torch.zeros(len(labelled), dtype=torch.bool)
    asked[places[:most]] = True

    def left_out(shown: torch.Tensor | None) -> LeftOut:
        return predict_left_out(
            support, generator, n_steps=config.n_steps, shown=shown, left_out=asked
        )

    exact, rough = left_out(None), left_out(labelled)
    n = len(exact.pictures)
    if not n:
        return None
    moved = (exact.probabilities - rough.probabilities).abs().amax(1).mean()
    counts = (exact.correct, rough.correct, (exact.answers == rough.answers).all(-1))
    before, after, same = (Proportion(int(flags.sum()), n) for flags in counts)
    return Int8Loss(before, after, same, float(moved))


def _nodes_of_tower(model: ModelProto) -> Sequence[str]:
    def scopes(node: object) -> str:
        values = [entry.value for entry in node.metadata_props if entry.key == SCOPES]  # type: ignore[attr-defined]
        return values[0] if values else ""

    return [node.name for node in model.graph.node if f"'{TOWER}'" in scopes(node)]


class _Batches:
    """The reader from which onnxruntime takes batches."""

    def __init__(self, batches: Iterable[dict[str, np.ndarray]]) -> None:
        self._batches: Iterator[dict[str, np.ndarray]] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)
