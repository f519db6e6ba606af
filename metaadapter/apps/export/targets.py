"""The files to write, and whether they can be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaadapter.apps.export.program import require_onnx, require_tflite
from metaadapter.apps.export.web_page import require_web_folder
from metaadapter.errors import UsageError

FRIGATE_FILE, LABELMAP = "model.tflite", "labelmap.txt"
"""The names that Frigate looks for in the folder of a model."""


@dataclass(frozen=True, slots=True)
class ExportTargets:
    """The files to write, and the folder of a page (`web`).

    With `frigate`, the TFLite file is for Frigate, and the names of classes lie beside it.
    """

    onnx: Path | None = None
    tflite: Path | None = None
    web: Path | None = None
    frigate: bool = False

    @property
    def of_onnx(self) -> list[Path]:
        """The targets with an ONNX model."""
        return [path for path in (self.onnx, self.web) if path is not None]

    @property
    def paths(self) -> list[Path]:
        """All files and folders to write."""
        return [path for path in (*self._files, self.web) if path is not None]

    @property
    def needs_pixels(self) -> bool:
        """Whether a target always holds the encoder."""
        return self.web is not None or self.tflite is not None

    @property
    def _files(self) -> tuple[Path | None, ...]:
        return self.onnx, self.tflite

    def require_writable(self) -> None:
        """Check that the files can be written and the packages are installed."""
        for path in self._files:
            if path is not None and path.is_dir():
                raise UsageError(f"{path} is a folder; give the name of a file to write")
            if path is not None and not path.parent.is_dir():
                raise UsageError(f"there is no folder {path.parent} to write {path.name} to")
        if self.web is not None:
            require_web_folder(self.web)
        if self.of_onnx:
            require_onnx()
        if self.tflite is not None:
            require_tflite()
