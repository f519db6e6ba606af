"""An adapter as an ONNX model, and the runtime that answers with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metaadapter.apps.export.answers import FeatureAnswers, PictureAnswers
from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.facts import KEY
from metaadapter.apps.export.program import example_and_axes, exporting
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

# The first with all that the graphs need, and so the one that the oldest runtimes know.
OPSET = 18
ERRORS_ALONE = 3
MOST_BYTES = 2**31 - 1


def onnx_model(module: FeatureAnswers | PictureAnswers) -> ModelProto:
    """The model of a module, for any number of rows or pictures of any size."""
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
    assert program is not None  # it is, where no file is named
    model: ModelProto = program.model_proto
    return model


def onnx_bytes(model: ModelProto, facts: Mapping[str, Any]) -> bytes:
    """The file of a model with facts in its metadata.

    Raises:
        DataError: It would be larger than ONNX allows one file to be.
    """
    from onnx.helper import set_model_props

    if model.ByteSize() > MOST_BYTES:
        raise DataError(
            f"the model is larger than an ONNX file may be, {MOST_BYTES:,} bytes; export the "
            "adapter alone, without --pixels, or with --torch"
        )
    for graph in _graphs(model.graph):
        _forget_code(graph)
    set_model_props(model, {KEY: json_text(facts)})
    content: bytes = model.SerializeToString()
    return content


def onnx_run(content: bytes) -> Run:
    """What a model answers in onnxruntime, on as many threads of the processor as torch has."""
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
    """A graph and those of the branches within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _forget_code(graph: GraphProto) -> None:
    """Remove where in which file each node comes from, which the exporter tells."""
    graph.ClearField("metadata_props")
    for each in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        each.ClearField("metadata_props")
        each.ClearField("doc_string")
