"""An image tower in whole numbers of 8 bits, and what that costs in accuracy."""

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
from metaadapter.data.own_code import is_own_code
from metaadapter.data.silence import silence
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.fine_tuning import LeftOut, leave_one_out
from metaadapter.workflow.fit_adapter import MAX_PICTURES, MAX_PICTURES_REFINED
from metaadapter.workflow.one_shot import SAME, generator_that_predicted
from metaadapter.workflow.predictions import Proportion

if TYPE_CHECKING:
    from onnx import ModelProto

# By this name `PictureAnswers` holds the encoder, and the exporter tells it of each node.
TOWER, SCOPES = "network", "pkg.torch.onnx.name_scopes"


MOST_TO_SCALE_BY = 100


class Int8Loss(NamedTuple):
    """What 8 bits change in the answers to labelled pictures, each left out of its adapter."""

    before: Proportion
    """Answers that are correct with the encoder in float32."""
    after: Proportion
    """Answers that are correct with the encoder in 8 bits."""
    same: Proportion
    """Answers that are the same class."""
    moved: float
    """The mean over pictures of the largest change of a probability."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        parts = {name: getattr(self, name).to_dict() for name in ("before", "after", "same")}
        return {**parts, "moved": self.moved}

    def __str__(self) -> str:
        return (
            f"8 bits: of {self.before.n} labelled pictures, each left out of its adapter, "
            f"{self.after.value:.1%} are right ({self.before.value:.1%} in float32); "
            f"{self.same.value:.1%} get the same answer, and a probability moves by "
            f"{self.moved:.3f} in the mean"
        )


def int8_model(model: ModelProto, cases: Callable[[], Iterable[Case]]) -> ModelProto:
    """The model with weights and results of its image tower in 8 bits; the rest stays as it is.

    Each weight is scaled by the largest of its channel, each result by the largest that the given
    pictures, the first hundred, bring forth (static quantisation of onnxruntime).
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
        found: ModelProto = onnx.load(path)
    return found


def places_in_support(
    stored: StoredAdapter, pictures: EncodedPictures, *, owner: Path
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Those of the pictures that the adapter `owner` was predicted from.

    Returns:
        The number of each among `pictures`, and among the labelled pictures, class by class.

    Raises:
        UsageError: It has not kept its pictures' features, none of the pictures is among them, or
            it cannot be predicted anew.
    """
    if stored.support is None:
        raise UsageError(
            f"the adapter {owner} was saved without the features of its pictures, on which --int8 "
            "measures what 8 bits lose; adapt again"
        )
    if is_own_code(stored.config.generator):
        raise UsageError(
            f"the adapter {owner} is of a generator of your own, {stored.config.generator}, which "
            "no adapter makes run, and --int8 leaves each picture out to measure what 8 bits lose"
        )
    labelled, known = stored.support.labelled_rows()[0].float(), {*stored.picture_hashes}
    is_known = np.array([sha256 in known for sha256 in pictures.sha256])
    if is_known.any() and len(labelled):
        # The hashes have no order, so the features tell which picture is which.
        best = (torch.from_numpy(pictures.features) @ labelled.T).max(1)
        numbers = np.flatnonzero(is_known & (best.values.numpy() >= SAME))
        if len(numbers):
            return numbers, best.indices.numpy()[numbers]
    raise UsageError(
        f"none of the pictures of --pictures is one that the adapter {owner} was predicted from, "
        "on which --int8 measures what 8 bits lose; give the folder that it was made of"
    )


def int8_loss(
    stored: StoredAdapter, places: Int[np.ndarray, " k"], rows: Float[np.ndarray, "k D"]
) -> Int8Loss | None:
    """What 8 bits change: `rows` stand in for the labelled pictures at these places.

    Of many pictures the first are taken, as for the leave-one-out accuracy of an adapter.

    Returns:
        `None` where each is alone in its class, so that none can be left out.
    """
    config, support = stored.config, stored.support
    assert support is not None
    most = MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES
    generator = generator_that_predicted(config.generator, config.generator_id)
    mask_NK, asked_NK = support.present_TNK[0], torch.zeros_like(support.present_TNK[0])
    labelled, asked = support.labelled_rows()[0].clone(), torch.zeros(int(mask_NK.sum())).bool()
    labelled[places[:most]] = torch.from_numpy(rows[:most]).to(labelled)
    asked[places[:most]] = True
    asked_NK[mask_NK] = asked
    shown_NKD = support.support_TNKD[0].clone()
    shown_NKD[mask_NK] = labelled

    def answers(shown: torch.Tensor | None) -> LeftOut:
        return leave_one_out(
            support, generator, n_steps=config.n_steps, shown_NKD=shown, asked_NK=asked_NK
        )

    exact, rough = answers(None), answers(shown_NKD)
    n = len(exact.labels)
    if not n:
        return None
    moved = (exact.probabilities - rough.probabilities).abs().amax(1).mean()
    right = (exact.correct, rough.correct, exact.predicted == rough.predicted)
    before, after, same = (Proportion(int(each.sum()), n) for each in right)
    return Int8Loss(before, after, same, float(moved))


def _nodes_of_tower(model: ModelProto) -> Sequence[str]:
    def scopes(node: object) -> str:
        found = [entry.value for entry in node.metadata_props if entry.key == SCOPES]  # type: ignore[attr-defined]
        return found[0] if found else ""

    return [node.name for node in model.graph.node if f"'{TOWER}'" in scopes(node)]


class _Batches:
    """What onnxruntime asks for one batch after the other."""

    def __init__(self, batches: Iterable[dict[str, np.ndarray]]) -> None:
        self._batches: Iterator[dict[str, np.ndarray]] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)
