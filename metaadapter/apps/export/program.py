"""An adapter as an ONNX model or a TFLite file, and what runs them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim

from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.models import METADATA_KEY, FeatureModel, PictureModel
from metaadapter.errors import DataError, IncompatibleArtifact, require_packages
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.silence import silence
from metaadapter.files.stored_zip import zip_entry
from metaadapter.files.strict_json import json_text

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto


FACTS_FILE = f"{METADATA_KEY}.json"


def example_and_axes(
    module: FeatureModel | PictureModel,
) -> tuple[Tensor, dict[str, dict[int, Any]]]:
    """Return an example input of a module, and input name → the axes whose size may change."""
    if isinstance(module, FeatureModel):
        width = module.get_buffer("classes").shape[1]
        return torch.zeros(2, width), {"features": {0: Dim("n")}}
    # All sizes differ, because the exporter would assume that equal sizes are always equal.
    pictures = torch.zeros(2, 97, 131, 3, dtype=torch.uint8)
    return pictures, {"pictures": {0: Dim("n"), 1: Dim("height"), 2: Dim("width")}}


@contextmanager
def exporting() -> Iterator[None]:
    """Run torch's exporter silently, and explain a failure."""
    try:
        with silence():
            yield
    except Exception as error:
        if is_shortage(error):
            raise
        reason = " ".join(str(error).split("## Exception summary")[-1].split())[:300]
        raise IncompatibleArtifact(
            f"the exporter of torch cannot export this adapter with its encoder: {reason}. Export "
            "without --pixels, or try another version of torch"
        ) from error


# The oldest version in which the graphs can be written, so that old runtimes can read them.
OPSET = 18
ERRORS_ALONE = 3
MOST_BYTES = 2**31 - 1

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TFLITE_PACKAGES = ("litert_torch", "ai_edge_litert.interpreter")
require_onnx = partial(require_packages, "an ONNX file", ONNX_PACKAGES, "onnx")
require_tflite = partial(require_packages, "a TFLite file", TFLITE_PACKAGES, "tflite")


def onnx_model(module: FeatureModel | PictureModel) -> ModelProto:
    """Return the ONNX model of a module, for any number of rows, or of pictures of any size."""
    example, axes = example_and_axes(module)
    with exporting():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[next(iter(axes))],
            output_names=list(module.outputs),
            dynamic_shapes=tuple(axes.values()),
            verbose=False,
        )
    assert program is not None  # it is None only if the exporter writes a file
    model: ModelProto = program.model_proto
    return model


def onnx_bytes(model: ModelProto, facts: Mapping[str, Any]) -> bytes:
    """Return the content of the file of a model, with facts in its metadata."""
    from onnx.helper import set_model_props

    if model.ByteSize() > MOST_BYTES:
        raise DataError(
            f"the model is larger than the limit of ONNX files, {MOST_BYTES:,} bytes; export the "
            "adapter without --pixels"
        )
    for graph in _graphs(model.graph):
        _remove_code_places(graph)
    set_model_props(model, {METADATA_KEY: json_text(facts)})
    content: bytes = model.SerializeToString()
    return content


def onnx_run(content: bytes) -> Run:
    """Return a function that runs a model in onnxruntime, on as many CPU threads as torch uses."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = ERRORS_ALONE
    session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(batch: np.ndarray) -> list[np.ndarray]:
        return list(session.run(None, {name: batch}))

    return run


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _remove_code_places(graph: GraphProto) -> None:
    """Remove the file and line that the exporter notes at each node."""
    graph.ClearField("metadata_props")
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


LABELS_FILE = "labels.txt"
"""One class a line: the name that TensorFlow's own tools give this file."""


def tflite_bytes(module: FeatureModel | PictureModel) -> bytes:
    """Return the content of the file of a square `PictureModel`, without facts."""
    import litert_torch

    assert isinstance(module, PictureModel)
    example = torch.zeros(1, module.square_side, module.square_side, 3, dtype=torch.uint8)
    # The converter prints its progress to the standard output, where a command's result goes.
    with TemporaryDirectory() as folder, exporting(), redirect_stdout(io.StringIO()):
        file = Path(folder, "model.tflite")
        litert_torch.convert(module.eval(), (example,)).export(str(file))
        return file.read_bytes()


def with_facts(content: bytes, facts: Mapping[str, Any]) -> bytes:
    """Append facts and class names as a zip archive, as TensorFlow's metadata tools do."""
    buffer = io.BytesIO(content)
    labels = label_lines(facts.get("classes", ()))
    with ZipFile(buffer, "a") as archive:
        for name, text in ((FACTS_FILE, json_text(facts)), (LABELS_FILE, labels)):
            archive.writestr(zip_entry(name), text)
    return buffer.getvalue()


def label_lines(classes: Iterable[object]) -> str:
    """Return one class a line."""
    return "".join(f"{label}\n" for label in classes)


def tflite_run(content: bytes) -> Run:
    """Return a function that runs a file in LiteRT's interpreter, one picture at a time."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=torch.get_num_threads())
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()

    def run(batch: np.ndarray) -> list[np.ndarray]:
        outputs = runner(**{name: batch})
        return [outputs[f"output_{number}"] for number in range(len(outputs))]

    return run
