"""An adapter as an ONNX model, and the runtime that runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.models import METADATA_KEY, FeatureModel, PictureModel
from metaadapter.apps.export.program import example_and_axes, exporting
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError, MissingPackage

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

# The oldest version in which the graphs can be written, so that old runtimes can read them.
OPSET = 18
ERRORS_ALONE = 3
MOST_BYTES = 2**31 - 1


def require_onnx() -> None:
    """Check that the optional packages which make and run ONNX files are installed."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"an ONNX file needs the package {name}, which cannot be imported ({error}); "
                "install the extra: pip install 'metaadapter[onnx]'"
            ) from error


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
            "adapter without --pixels, or with --torch"
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
