"""JSON documents that prove themselves and the files beside them by SHA-256.

The hashes tell damage: a failing disk, a copy that was cut off, an edit by hand. They are no
protection against somebody who forges a file, for anybody can compute a hash.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.data.atomic_files import Content, replace_file
from metaadapter.data.file_source import FileSource, Folder
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError, IncompatibleArtifact

PROOF, SEAL, FILES = "proof", "sha256", "files"
OWN_SCHEMAS = "metaadapter."
# The record of a training run, which training writes and evaluation reads.
TRAINING_RECORD = "metaadapter.training_summary/2"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the files of a folder must be.

    Attributes:
        document: The document that says so.
        files: Name → SHA-256 of the content.
        remedy: What to do about a damaged file, for messages.
        place: Where document and files lie; by default the folder of the document.
    """

    document: Path
    files: Mapping[str, str]
    remedy: str
    place: FileSource | None = None

    def find(self, name: str) -> Path:
        """Where a file of a folder is, of any size; its content is checked.

        Raises:
            DataError: It is missing, cannot be read, or is not the file that the document proves.
        """
        self._require_known(name)
        path = self.document.with_name(name)
        with _readable(path, self.remedy):
            # A writer that was killed before it renamed its files leaves them under other names.
            for place in (path, _unnamed(path)):
                if place.is_file() and file_hash(place) == self.files[name]:
                    return place
            path.stat()
        raise self._damaged(path)

    def read(self, name: str) -> bytes:
        """The content of a file, checked; errors are those of `find`."""
        self._require_known(name)
        path = self.document.with_name(name)
        place = self.place or Folder(path.parent)
        with _readable(path, self.remedy):
            for each in (name, _unnamed(path).name):
                if place.has(each):
                    content = place.read(each)
                    if hashlib.sha256(content).hexdigest() == self.files[name]:
                        return content
            if not place.has(name):
                place.read(name)  # which tells what is there instead
        raise self._damaged(path)

    def _require_known(self, name: str) -> None:
        if name not in self.files:
            raise DataError(f"{self.document} does not know the file {name}; {self.remedy}")

    def _damaged(self, path: Path) -> DataError:
        return DataError(
            f"{path} is damaged or was changed: its SHA-256 is not the one in "
            f"{self.document.name}; {self.remedy}"
        )


def write_document(
    path: Path,
    values: Mapping[str, Any],
    contents: Mapping[str, Content] | None = None,
    files: Iterable[str] = (),
) -> None:
    """Replace a JSON document and the files it speaks of in one step.

    However it ends, `read_document` finds the old document with its files, or the new one with its.

    Args:
        path: Of the document.
        values: JSON values.
        contents: Name → content of each file beside the document, as `replace_file` takes it.
        files: Names of files beside it which are there already.

    Raises:
        OSError: Something cannot be written; document and files are as they were.
        ValueError: A number is NaN or infinite, which JSON does not have.
    """
    _name_files(path)
    hashes = {name: file_hash(path.with_name(name)) for name in files}
    try:
        for name, content in (contents or {}).items():
            new = _unnamed(path.with_name(name))
            replace_file(new, content)
            hashes[name] = file_hash(new)
        replace_file(path, json_text(sealed(values, hashes), indent=2) + "\n")
    finally:
        _name_files(path)
        for name in contents or {}:
            _unnamed(path.with_name(name)).unlink(missing_ok=True)


def read_document(
    path: Path,
    schema: str | tuple[str, ...],
    remedy: str,
    *,
    without_proof: tuple[str | None, ...] = (),
    place: FileSource | None = None,
) -> tuple[dict[str, Any], Proof | None]:
    """Read what `write_document` wrote.

    Args:
        path: Of the document.
        schema: What its entry "schema" is to be, or one of which it is to be.
        remedy: What to do about damage, for messages, as in "restore it from a copy".
        without_proof: Schemas of earlier versions, whose documents prove nothing; None stands for
            documents without a schema.
        place: Where the document and its files lie; by default its folder.

    Returns:
        The values, and the proof of the files beside it: None with a warning if there is none.

    Raises:
        DataError: It cannot be read, is no JSON object, or was changed after it was written.
        IncompatibleArtifact: It is of another schema.
    """
    schemas = (schema,) if isinstance(schema, str) else schema
    with _readable(path, remedy):
        content = (place or Folder(path.parent)).read(path.name)
    try:
        values = parse_json(content)
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, found {type(values).__name__}")
        is_proven = PROOF in values or values.get("schema") in schemas
        values, files = unsealed(values) if is_proven else (values, {})
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged or was changed: {error}; {remedy}") from error
    if is_proven and values.get("schema") in schemas:
        return values, Proof(path, files, remedy, place)
    if is_proven or values.get("schema") not in without_proof:
        raise IncompatibleArtifact(
            f"{path}: expected schema {' or '.join(map(repr, schemas))}, found "
            f"{values.get('schema')!r}; upgrade metaadapter, or {remedy}"
        )
    warnings.warn(
        f"{path} is of an earlier version: whether it and its files are damaged cannot be checked",
        stacklevel=3,
    )
    return values, None


def check_files(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Check each JSON document of ours in a folder and those within it, and each file it proves.

    Beside it stands what is wrong with it, "" if nothing is, and None for a document of which
    nothing has the hash: it is of an earlier version, or has lost its proof.
    """
    unproven: set[Path] = set()
    proven: set[Path] = set()
    for path in sorted(folder.rglob("*.json")):
        try:
            values = parse_json(regular(path).read_bytes())
            if not isinstance(values, dict) or PROOF not in values:
                if isinstance(values, dict) and str(values.get("schema")).startswith(OWN_SCHEMAS):
                    unproven.add(path)
                continue
            _, files = unsealed(values)
        except (OSError, ValueError, RecursionError) as error:
            yield path, str(error)
            continue
        yield path, ""
        for name in files:
            proven.add(path.with_name(name))
            try:
                yield Proof(path, files, "restore it from a copy").find(name), ""
            except DataError as error:
                yield path.with_name(name), str(error)
    for path in sorted(unproven - proven):
        yield path, None


def sealed(values: Mapping[str, Any], files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """JSON values with the proof of them, and of files by their hashes, under the key "proof".

    Raises:
        ValueError: A number is NaN or infinite.
    """
    document = {**values, PROOF: {FILES: files or {}}}
    # Through JSON once: what is hashed is what a reader will have.
    plain: dict[str, Any] = parse_json(json_text(document))
    plain[PROOF][SEAL] = _seal(plain)
    return plain


def unsealed(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Check a document, as read: the inverse of `sealed`.

    Returns:
        Its values without the proof, and the hashes of files.

    Raises:
        ValueError: It was changed after it was written, proves nothing, or speaks of files outside
            its folder.
    """
    proof = document.get(PROOF)
    if not isinstance(proof, dict) or SEAL not in proof:
        raise ValueError("it lacks its SHA-256")
    rest = {key: value for key, value in proof.items() if key != SEAL}
    if proof[SEAL] != _seal({**document, PROOF: rest}):
        raise ValueError("its SHA-256 is another than when it was written")
    files = rest.get(FILES)
    if not isinstance(files, dict):
        raise ValueError("it does not say which files it proves")
    if outside := [name for name in files if name != Path(name).name]:
        raise ValueError(f"it names a file outside its folder, {outside[0]!r}")
    return {key: value for key, value in document.items() if key != PROOF}, files


def _seal(document: Mapping[str, Any]) -> str:
    text = json_text(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _name_files(path: Path) -> None:
    """Give the files that a document speaks of their names, if its writer has not done so."""
    try:
        _, files = unsealed(parse_json(regular(path).read_bytes()))
    except (OSError, ValueError, AttributeError, RecursionError):
        return
    for name, sha256 in files.items():
        new = _unnamed(path.with_name(name))
        if new.is_file() and file_hash(new) == sha256:
            new.replace(path.with_name(name))


def _unnamed(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _readable(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_shortage(error):
            raise
        raise DataError(f"cannot read {path}: {error.strerror or error}; {remedy}") from error
