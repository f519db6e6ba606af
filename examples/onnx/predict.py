"""Labels pictures with a file of `metaadapter export ADAPTER --onnx FILE --pixels`.

    pip install onnxruntime numpy pillow
    python predict.py FILE.onnx PICTURES…

Neither PyTorch nor metaadapter is needed. Printed are, separated by tabs, path, label, probability,
and, where the adapter can tell, the probability of showing one of the classes at all and
`unfamiliar` where that is too low. With several labels a picture, the label is such as fox;snow, or
`none of these`, and the probability is that of the first.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, so that nothing is sent

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def decoded(path: str) -> np.ndarray:
    """An upright RGB picture as (1, height, width, 3) of uint8, transparent parts on white."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return np.asarray(picture.convert("RGB"))[None]


def predictions(file: str, paths: list[str]) -> Iterator[list[str]]:
    """The cells of one line for each picture."""
    session = onnxruntime.InferenceSession(file)
    facts = json.loads(session.get_modelmeta().custom_metadata_map["metaadapter"])
    if facts["input"] != "pictures":
        raise SystemExit(f"{file} takes features; export it with --pixels to have it take pictures")
    for path in paths:
        found = dict(zip(facts["outputs"], session.run(None, {"pictures": decoded(path)})))
        shares = found["probabilities"][0]
        best = int(shares.argmax())
        cells = [path, str(facts["classes"][best]), f"{shares[best]:.4f}"]
        if "shown" in found:
            order = [place for place in (-shares).argsort() if found["shown"][0, place]]
            cells[1] = ";".join(str(facts["classes"][place]) for place in order) or "none of these"
            cells[2] = f"{shares[best] if order else (1 - shares).prod():.4f}"
        if "known" in found:
            unfamiliar = "unfamiliar" if found["unfamiliar"][0] else ""
            cells += [f"{found['known'][0]:.4f}", unfamiliar]
        yield cells


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    for line in predictions(sys.argv[1], sys.argv[2:]):
        print("\t".join(line))
