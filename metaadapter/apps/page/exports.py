"""The classifier for other programs: an ONNX file, and a page for any web host with its preview."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

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
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows

# A file is checked on at most this many pictures; more would keep the user waiting.
MAX_CHECKED = 20
# The next start removes it.
FOLDER = f"{UPLOAD_PREFIX}export"


@final
class Exports:
    """The last classifier that was exported, in a folder of its project."""

    def __init__(self) -> None:
        self._exported: StoredAdapter | None = None
        self._making = threading.Lock()

    def onnx(self, session: Session) -> bytes:
        """The ONNX file of the current classifier, with its encoder; made once for each."""
        with self._made(session) as folder:
            return (folder / MODEL_FILE).read_bytes()

    @contextmanager
    def _made(self, session: Session) -> Iterator[Path]:
        """The folder with the current classifier, which no other replaces during the block."""
        stored, encoder = session.wait_for_results().stored, session.project.encoder
        assert stored is not None
        require_onnx()

        def read() -> EncodedPictures:
            rows = session.encoded_pictures()[:MAX_CHECKED]
            return encode_rows(rows, encoder, views=1, seed=0)

        folder = session.project.incoming / FOLDER
        with self._making:
            if self._exported is not stored:
                self._exported = None
                model = ExportModel.with_encoder(stored, encoder, read)
                exported = export_onnx(model, lambda _: None, owner="the ONNX file")
                folder.mkdir(exist_ok=True)
                (folder / MODEL_FILE).write_bytes(exported.content)
                (folder / FACTS_FILE).write_text(json_text(exported.facts))
                self._exported = stored
            yield folder

    def page(self, session: Session) -> dict[str, bytes]:
        """The files of the page, by their paths."""
        with self._made(session) as folder:
            model = (folder / MODEL_FILE).read_bytes()
            facts = parse_json((folder / FACTS_FILE).read_bytes())
        return page_contents(model, facts)

    def page_file(self, session: Session, name: str) -> bytes | None:
        """A file of the page by its path; the classifier is made only for the files that need it.

        So the page opens at once, and shows what keeps the classifier from being made.
        """
        if name not in (FACTS_FILE, MODEL_FILE):
            return fixed_contents().get(name)
        with self._made(session) as folder:
            return (folder / name).read_bytes()

    def n_bytes(self, session: Session) -> tuple[int | None, bool]:
        """The size of the ONNX file, and whether it is exact; before it is made, the least size."""
        stored, encoder = session.results.stored, session.project.encoder
        if stored is None:
            return None, False
        if stored is self._exported:
            return (session.project.incoming / FOLDER / MODEL_FILE).stat().st_size, True
        try:
            tensors = PictureModel(stored.weights, stored.config, encoder).state_dict().values()
        except UsageError:  # this encoder or adapter cannot be exported
            return None, False
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors), False
