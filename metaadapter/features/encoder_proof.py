"""The proof of an encoder folder: the SHA-256 of its files, and the digest of its weights.

`python -m tools.seal_encoder FOLDER` writes it. The encoder `tiny` has one, in the package and in
every copy of its folder; a folder from a hub has none.
"""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.checksums import read_document

PROOF_FILE, SCHEMA = "encoder.json", "metaadapter.encoder/1"
REINSTALL = "`pip install --force-reinstall --no-deps metaadapter` restores the package's files"
REMEDY = (
    f"restore it from a copy ({REINSTALL}); if you changed a folder of your own on purpose, "
    f"delete its {PROOF_FILE}"
)


def proven_digest(folder: Path) -> str:
    """Check all files of an encoder folder, and return the digest of its weights.

    Returns:
        The `digest_weights` of the unchanged weights; "" for a folder without a proof.

    Raises:
        DataError: A file is missing, damaged or changed.
        IncompatibleArtifact: A newer version wrote the proof.
    """
    values, proof = read_document(folder / PROOF_FILE, SCHEMA, REMEDY)
    for name in proof.files:
        proof.find(name)
    return str(values["digest"])
