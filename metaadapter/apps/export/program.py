"""An adapter as a program of torch.export, which runs without metaadapter."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim

from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.models import METADATA_KEY, FeatureModel, PictureModel
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.silence import silence
from metaadapter.data.strict_json import json_text
from metaadapter.errors import IncompatibleArtifact

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


def torch_program(module: FeatureModel | PictureModel) -> torch.export.ExportedProgram:
    """Return the program of a module, for any number of rows, or of pictures of any size."""
    example, axes = example_and_axes(module)
    with exporting():
        program = torch.export.export(
            module.eval(), (example,), dynamic_shapes=tuple(axes.values())
        )
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # paths of this machine
    return program


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


def program_bytes(program: torch.export.ExportedProgram, facts: Mapping[str, Any]) -> bytes:
    """Return the content of a .pt2 file, with facts in the extra file `metaadapter.json`."""
    buffer = io.BytesIO()
    with silence():
        torch.export.save(program, buffer, extra_files={FACTS_FILE: json_text(facts)})
    return buffer.getvalue()


def program_run(content: bytes) -> Run:
    """Return a function that runs the program of a .pt2 file."""
    with silence():
        module = torch.export.load(io.BytesIO(content)).module()

    def run(batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in module(torch.from_numpy(batch))]

    return run
