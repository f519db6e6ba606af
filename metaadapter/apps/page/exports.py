"""The classifier for other programs: an ONNX file, and a page for any web host with its preview."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, final

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.exporting import ExportModel, export_onnx
from metaadapter.apps.export.models import PictureModel
from metaadapter.apps.export.program import require_onnx
from metaadapter.apps.export.web_page import (
    FACTS_FILE,
    MODEL_FILE,
    fixed_contents,
    page_contents,
)
from metaadapter.apps.page.project import UPLOAD_PREFIX
from metaadapter.apps.page.session import Session
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows

# A file is checked on at most this many pictures; more would keep the user waiting.
MAX_CHECKED = 20


@final
class Exports:
    """The last classifier that was exported: its ONNX file is in a folder of its project."""

    def __init__(self) -> None:
        self._exported: StoredAdapter | None = None
        self._facts: dict[str, Any] = {}
        self._making = threading.Lock()

    def onnx(self, session: Session) -> bytes:
        """The ONNX file of the current classifier, with its encoder; made once for each."""
        return self._made(session)[0]

    def page(self, session: Session) -> dict[str, bytes]:
        """The files of the page, by their paths."""
        return page_contents(*self._made(session))

    def page_file(self, session: Session, name: str) -> bytes | None:
        """A file of the page by its path; the classifier is made only for the files that need it.

        So the page opens at once, and shows what keeps the classifier from being made.
        """
        needs_classifier = name in (FACTS_FILE, MODEL_FILE)
        return (self.page(session) if needs_classifier else fixed_contents()).get(name)

    def _made(self, session: Session) -> tuple[bytes, dict[str, Any]]:
        """The ONNX file of the current classifier, and its facts."""
        stored, encoder = session.wait_for_results().stored, session.project.encoder
        assert stored is not None
        require_onnx()

        def read() -> EncodedPictures:
            rows = session.encoded_pictures()[:MAX_CHECKED]
            return encode_rows(rows, encoder, views=1, seed=0)

        file = _file(session)
        with self._making:
            if self._exported is not stored:
                self._exported = None
                model = ExportModel.with_encoder(stored, encoder, read)
                content, self._facts, _ = export_onnx(model, lambda _: None, owner="the ONNX file")
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
                self._exported = stored
            return file.read_bytes(), self._facts

    def n_bytes(self, session: Session) -> tuple[int | None, bool]:
        """The size of the ONNX file, and whether it is exact; before it is made, the least size."""
        stored, encoder = session.results.stored, session.project.encoder
        if stored is None:
            return None, False
        if stored is self._exported:
            return _file(session).stat().st_size, True
        try:
            tensors = PictureModel(stored.weights, stored.config, encoder).state_dict().values()
        except UsageError:  # this encoder or adapter cannot be exported
            return None, False
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors), False


def _file(session: Session) -> Path:
    # The next start removes the folder.
    return session.project.incoming / f"{UPLOAD_PREFIX}export" / MODEL_FILE
