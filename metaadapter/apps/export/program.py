"""An adapter as a program of torch.export, which runs without this library."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim

from metaadapter.apps.export.answers import FeatureAnswers, PictureAnswers
from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.facts import KEY
from metaadapter.data.refusals import is_shortage
from metaadapter.data.silence import silence
from metaadapter.data.strict_json import json_text
from metaadapter.errors import IncompatibleArtifact

FACTS_FILE = f"{KEY}.json"


def example_and_axes(
    module: FeatureAnswers | PictureAnswers,
) -> tuple[Tensor, dict[str, dict[int, Any]]]:
    """An input of a module, and by the name of the input which of its sizes may be others."""
    if isinstance(module, FeatureAnswers):
        width = module.get_buffer("classes").shape[1]
        return torch.zeros(2, width), {"features": {0: Dim("n")}}
    # Sizes that are equal by chance would be taken for always equal.
    pictures = torch.zeros(2, 97, 131, 3, dtype=torch.uint8)
    return pictures, {"pictures": {0: Dim("n"), 1: Dim("height"), 2: Dim("width")}}


def torch_program(module: FeatureAnswers | PictureAnswers) -> torch.export.ExportedProgram:
    """The program of a module, for any number of rows or pictures of any size."""
    example, axes = example_and_axes(module)
    with exporting():
        program = torch.export.export(
            module.eval(), (example,), dynamic_shapes=tuple(axes.values())
        )
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # it has the paths of this machine
    return program


@contextmanager
def exporting() -> Iterator[None]:
    """Within the block torch's exporter runs silently, and its failure is explained.

    Raises:
        IncompatibleArtifact: The exporter cannot do it.
    """
    try:
        with silence():
            yield
    except Exception as error:
        if is_shortage(error):
            raise
        reason = " ".join(str(error).split("## Exception summary")[-1].split())[:300]
        raise IncompatibleArtifact(
            "the exporter of torch cannot take this adapter with its encoder apart; it says: "
            f"{reason}. Export the adapter alone, without --pixels, or try another version of torch"
        ) from error


def program_bytes(program: torch.export.ExportedProgram, facts: Mapping[str, Any]) -> bytes:
    """The .pt2 file of a program, with facts in the extra file `metaadapter.json`."""
    buffer = io.BytesIO()
    with silence():
        torch.export.save(program, buffer, extra_files={FACTS_FILE: json_text(facts)})
    return buffer.getvalue()


def program_run(content: bytes) -> Run:
    """What the program of a .pt2 file answers."""
    with silence():
        module = torch.export.load(io.BytesIO(content)).module()

    def run(batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in module(torch.from_numpy(batch))]

    return run
