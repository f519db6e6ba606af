"""The files that an export writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaadapter.apps.export.web_page import require_web_folder
from metaadapter.errors import UsageError


@dataclass(frozen=True, slots=True)
class ExportTargets:
    """The files to write, and the folder of a page (`web`)."""

    onnx: Path | None = None
    torch: Path | None = None
    tflite: Path | None = None
    web: Path | None = None

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
        return self.onnx, self.torch, self.tflite

    def require_writable(self) -> None:
        """Check that the files can be written and the packages are installed."""
        from metaadapter.apps.export.program import require_onnx, require_tflite

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
