"""The encoder of the adapter that was asked last, where the adapter has parts in the towers."""

from __future__ import annotations

from typing import final

from metaadapter.adapter.adapted_encoder import adapted_encoder, parts_mark
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder


@final
class LastAdapted:
    """Builds the encoders of adapters and keeps the last one, for programs ask many times over.

    An adapter is known by its parts: one that has changed gets an encoder of its own.
    """

    def __init__(self) -> None:
        # In one piece, so that another thread never sees a half of it.
        self._last: tuple[ImageEncoder, str, Fingerprint | None, ImageEncoder] | None = None

    def encoder(self, base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder:
        """What `adapted_encoder` gives; errors are its."""
        config, last = stored.config, self._last
        if not config.has_towers:
            return base
        mark, made_for = parts_mark(config.inside, stored.towers), config.origin.fingerprint
        if last is None or last[0] is not base or last[1:3] != (mark, made_for):
            self._last = last = base, mark, made_for, adapted_encoder(base, stored)
        return last[-1]
