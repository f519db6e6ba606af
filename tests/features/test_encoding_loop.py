"""The threads that decode and encode pictures."""

from __future__ import annotations

import threading

import numpy as np
import torch
from PIL import Image

from metaadapter.features.encoding_pipeline import Pipeline


class SlowExceptOnBlack:
    """An encoder that waits at every picture that is not black."""

    zoom, dim = False, 1

    def __init__(self):
        self.may_end = threading.Event()
        self.ended = []

    def look(self, picture):
        return torch.full((1, 3, 2, 2), float(picture.getpixel((0, 0))[0]))

    def encode_looks(self, batch):
        if batch.any():
            self.may_end.wait(60)
            self.ended.append(batch)
        return np.ones((len(batch), 1), np.float32)


def test_encode__interrupted__does_not_wait_for_the_pictures_under_way():
    encoder = SlowExceptOnBlack()

    pipeline = Pipeline(encoder, batch_size=1, workers=2)
    pictures = [Image.new("RGB", (2, 2), (tone, 0, 0)) for tone in (0, 1, 2)]

    parts = pipeline.run(pictures, lambda _: False)
    assert next(parts).features
    parts.close()  # as Ctrl-C does

    assert encoder.ended == []
    encoder.may_end.set()
