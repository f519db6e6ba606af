"""Write the proof of an encoder folder: the SHA-256 of its files, and the digest of its weights.

    python -m tools.seal_encoder FOLDER

FOLDER holds open_clip's configuration and weights, and perhaps a whitening.
`tools.whiten_blocks` seals the encoder that it writes to.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import open_clip

from metaadapter.features.encoders.build_encoder import PROOF_FILE, SCHEMA
from metaadapter.features.encoders.encoder_source import CONFIG_FILE, weights_files
from metaadapter.features.fingerprint import digest_weights
from metaadapter.features.whitening import WHITENING_FILE
from metaadapter.files.checksums import write_document


def seal_encoder(folder: Path) -> None:
    """Write `encoder.json` for the files that are now in an encoder's folder."""
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{folder}", weights_only=True)
    files = [folder / CONFIG_FILE, *weights_files(folder), folder / WHITENING_FILE]
    write_document(
        folder / PROOF_FILE,
        {"schema": SCHEMA, "digest": digest_weights(model)},
        files=[file.name for file in files if file.exists()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    seal_encoder(parser.parse_args().folder)


if __name__ == "__main__":
    main()
