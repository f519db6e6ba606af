"""The encoder of the adapter that was used last, if the adapter has parts in the towers."""

from __future__ import annotations

from typing import final

from metaadapter.adapter.adapted_encoder import adapted_encoder, parts_mark
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder


@final
class AdaptedEncoders:
    """Build the encoders of adapters, and keep the last one for programs that use it repeatedly.

    An adapter is recognized by its parts, so an adapter that has changed gets a new encoder.
    """

    def __init__(self) -> None:
        # One value, so that another thread never sees half of it.
        self._last: tuple[ImageEncoder, str, Fingerprint | None, ImageEncoder] | None = None

    def encoder(self, base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder:
        """The result of `adapted_encoder`, which raises the errors."""
        config, last = stored.config, self._last
        if not config.has_towers:
            return base
        mark, fingerprint = parts_mark(config.inside, stored.towers), config.origin.fingerprint
        if last is None or last[0] is not base or last[1:3] != (mark, fingerprint):
            self._last = last = base, mark, fingerprint, adapted_encoder(base, stored)
        return last[-1]
