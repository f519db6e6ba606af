"""JSON documents that contain the SHA-256 of themselves and of the files next to them.

The hashes detect damage: a failing disk, an incomplete copy, an edit by hand. They do not protect
against forgery, since anybody can compute a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.files.machine_errors import is_shortage, unreadable
from metaadapter.files.output_folder import OWN_SCHEMAS, Content, replace_file
from metaadapter.files.regular_files import regular
from metaadapter.files.stored_zip import StoredZip
from metaadapter.files.strict_json import json_text, parse_json

PROOF, SEAL, FILES = "proof", "sha256", "files"
# The schema of a training run's record, which training writes and an evaluation reads.
TRAINING_RECORD = "metaadapter.training_summary/1"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder."""

    path: Path

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise `OSError` if it cannot be read."""
        return regular(self.path / name).read_bytes()


FileSource: TypeAlias = Folder | StoredZip
"""The few named files in a folder or inside one file; reading them does not check them."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The SHA-256 of each file that belongs to a document; messages on damage end with `remedy`."""

    document: Path
    files: Mapping[str, str]
    remedy: str
    source: FileSource | None = None

    def find(self, name: str) -> Path:
        """Return the path of a file with the right hash; `DataError` if there is none."""
        path, sha256 = self.document.with_name(name), self._hash_of(name)
        with _readable(path, self.remedy):
            # A writer that is killed before it renames its files leaves them under other names.
            for candidate in (path, _unnamed(path)):
                if candidate.is_file() and file_hash(candidate) == sha256:
                    return candidate
            path.stat()
        raise self._damaged(path)

    def read(self, name: str) -> bytes:
        """Return the content of a file with the right hash; the errors are those of `find`."""
        path, sha256 = self.document.with_name(name), self._hash_of(name)
        source = self.source or Folder(path.parent)
        with _readable(path, self.remedy):
            for candidate in (name, _unnamed(path).name):
                if source.has(candidate):
                    content = source.read(candidate)
                    if content_hash(content) == sha256:
                        return content
            if not source.has(name):
                source.read(name)  # raises the reason
        raise self._damaged(path)

    def require(self, name: str, sha256: str) -> None:
        """Raise `DataError` unless the document lists a file of this name with this hash."""
        if sha256 != self._hash_of(name):
            raise self._damaged(self.document.with_name(name))

    def _hash_of(self, name: str) -> str:
        if name not in self.files:
            raise DataError(f"{self.document} does not list the file {name}; {self.remedy}")
        return self.files[name]

    def _damaged(self, path: Path) -> DataError:
        return DataError(
            f"{path} is damaged or was changed: its SHA-256 differs from the one in "
            f"{self.document.name}; {self.remedy}"
        )


def sealed_document(values: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """Return the values as a JSON document with the hashes of the files beside it."""
    hashes = {name: content_hash(content) for name, content in contents.items()}
    return (json_text(sealed(values, hashes), indent=2) + "\n").encode()


def write_document(
    path: Path,
    values: Mapping[str, Any],
    contents: Mapping[str, Content] | None = None,
    files: Iterable[str] = (),
) -> None:
    """Replace a JSON document and the files `contents` next to it in one step.

    The document records their hashes and those of `files`, which exist already. Even after a
    crash, a reader gets either the old document and its files or the new ones.
    """
    name_files(path)
    hashes = {name: file_hash(path.with_name(name)) for name in files}
    try:
        for name, content in (contents or {}).items():
            new = _unnamed(path.with_name(name))
            replace_file(new, content)
            hashes[name] = file_hash(new)
        replace_file(path, json_text(sealed(values, hashes), indent=2) + "\n")
    finally:
        name_files(path)
        for name in contents or {}:
            _unnamed(path.with_name(name)).unlink(missing_ok=True)


def read_document(
    path: Path,
    schema: str,
    remedy: str,
    *,
    source: FileSource | None = None,
) -> tuple[dict[str, Any], Proof]:
    """Return the values of a document from `write_document`, and the proof of its files.

    Messages end with the remedy, such as "restore it from a copy". Damage is a `DataError`, another
    schema an `IncompatibleArtifact`.
    """
    with _readable(path, remedy):
        content = (source or Folder(path.parent)).read(path.name)
    try:
        values = parse_json(content)
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, found {type(values).__name__}")
        if PROOF in values or values.get("schema") == schema:
            values, files = unsealed(values)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged or was changed: {error}; {remedy}") from error
    if values.get("schema") != schema:
        raise IncompatibleArtifact(
            f"{path}: expected schema {schema!r}, found {values.get('schema')!r}; upgrade "
            f"metaadapter, or {remedy}"
        )
    return values, Proof(path, files, remedy, source)


def check_files(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the path of each document and file with its fault: "" if intact, None if unchecked."""
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
    """Return JSON values with a new key "proof": their SHA-256, and the given hashes of files."""
    document = {**values, PROOF: {FILES: files or {}}}
    # Parsed again, so that exactly the values that a reader gets are hashed.
    plain: dict[str, Any] = parse_json(json_text(document))
    plain[PROOF][SEAL] = _seal(plain)
    return plain


def unsealed(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Undo `sealed`: return the values and the hashes; `ValueError` for a changed document."""
    proof = document.get(PROOF)
    if not isinstance(proof, dict) or SEAL not in proof:
        raise ValueError("it lacks its SHA-256")
    rest = {key: value for key, value in proof.items() if key != SEAL}
    if proof[SEAL] != _seal({**document, PROOF: rest}):
        raise ValueError("its SHA-256 differs from when it was written")
    files = rest.get(FILES)
    if not isinstance(files, dict):
        raise ValueError("it has no list of the files that belong to it")
    if outside := [name for name in files if name != Path(name).name]:
        raise ValueError(f"it names a file outside its folder, {outside[0]!r}")
    return {key: value for key, value in document.items() if key != PROOF}, files


def _seal(document: Mapping[str, Any]) -> str:
    text = json_text(document, sort_keys=True, separators=(",", ":"))
    return content_hash(text)


def name_files(path: Path) -> None:
    """Give the files of a document their names, which a killed writer may have left to do."""
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


def content_hash(*contents: bytes | str) -> str:
    """Return the SHA-256 of a content; of several, that of their hashes one after the other."""
    if len(contents) > 1:
        return joined_hash(bytes.fromhex(content_hash(content)) for content in contents)
    return joined_hash(contents)


def joined_hash(parts: Iterable[bytes | str]) -> str:
    """Return the SHA-256 of parts one after the other, which need not be in memory together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogateescape") if isinstance(part, str) else part)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _readable(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_shortage(error):
            raise
        raise unreadable(path, error, remedy) from error
