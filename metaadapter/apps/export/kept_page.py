"""The web page of an adapter in memory, for its preview and its download."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import final

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.checks import check_pictures
from metaadapter.apps.export.exporting import ExportModel, export_onnx
from metaadapter.apps.export.program import require_onnx
from metaadapter.apps.export.web_page import page_contents
from metaadapter.workflow.prediction.queries import load_adapter_encoder


@final
class KeptPage:
    """The page of the last adapter that was given; the same adapter has it made only once."""

    def __init__(self) -> None:
        self.contents: Mapping[str, bytes] = {}
        """The files of the last page by their paths; empty before the first."""
        self._stored: StoredAdapter | None = None
        self._making = threading.Lock()

    def of(self, stored: StoredAdapter, encoder: str, owner: Path) -> Mapping[str, bytes]:
        """The files of the page of an adapter and its encoder; `owner` is named in errors."""
        with self._making:
            if stored is not self._stored:
                require_onnx()
                # A second encoder, on the CPU: torch's exporter changes the modules that it reads.
                network = load_adapter_encoder(owner, stored, encoder, "cpu", "fp32")
                read = partial(check_pictures, (), network, ())
                model = ExportModel.with_encoder(stored, network, read)
                exported = export_onnx(model, lambda _: None, owner="the web page")
                self.contents = page_contents(exported.content, exported.facts)
                self._stored = stored
            return self.contents
