"""An adapter with its encoder as a TFLite file, and the interpreter that runs it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch

from metaadapter.apps.export.checks import Run
from metaadapter.apps.export.models import FeatureModel, PictureModel
from metaadapter.apps.export.program import FACTS_FILE, exporting
from metaadapter.data.stored_zip import zip_entry
from metaadapter.data.strict_json import json_text
from metaadapter.errors import MissingPackage

LABELS_FILE = "labels.txt"
"""One class a line: the name that TensorFlow's own tools give this file."""


def require_tflite() -> None:
    """Check that the optional packages which make and run TFLite files are installed."""
    for name in ("litert_torch", "ai_edge_litert.interpreter"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"a TFLite file needs the package {name.split('.')[0]}, which cannot be imported "
                f"({error}); install the extra: pip install 'metaadapter[tflite]'"
            ) from error


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
    labels = "".join(f"{label}\n" for label in facts["classes"])
    with ZipFile(buffer, "a") as archive:
        for name, text in ((FACTS_FILE, json_text(facts)), (LABELS_FILE, labels)):
            archive.writestr(zip_entry(name), text)
    return buffer.getvalue()


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
