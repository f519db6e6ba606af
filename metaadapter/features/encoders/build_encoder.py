"""Build the networks of an encoder, of whichever package they are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from metaadapter.features.encoders import encoder_source
from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import EncoderSource
from metaadapter.features.encoders.open_clip_model import build_open_clip
from metaadapter.features.encoders.timm_tower import build_second, build_timm
from metaadapter.features.encoders.transformers_model import build_transformers
from metaadapter.features.fingerprint import probe_picture
from metaadapter.files.checksums import read_document
from metaadapter.files.hub import cache_alone_if_unreachable
from metaadapter.files.silence import silence

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


def build_model(source: EncoderSource) -> EncoderModel:
    """Build the model on the CPU in float32; its weights come from the disk or from the hub."""
    folder = source.folder
    digest = ""
    if folder is not None and (folder == encoder_source.TINY or (folder / PROOF_FILE).exists()):
        digest = proven_digest(folder)
    with silence(), cache_alone_if_unreachable() if source.is_fetched else nullcontext():
        if source.library == "transformers" and folder is not None:
            model = build_transformers(folder)
        else:
            model = build_timm(source) if source.library == "timm" else build_open_clip(source)
        model = model._replace(digest=digest)
        if source.second is not None:
            probe = model.preprocess(probe_picture())[None]
            second = build_second(source.second, probe, model.network.visual.preprocess_cfg)
            model = model._replace(second=second)
    return model
