"""The features of a project's pictures, as rows that are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.apps.page.picture_folder import id_of
from metaadapter.features.views import mean_of_views


@dataclass(slots=True)
class EncodedRows:
    """A unit row and the whole SHA-256 of each picture that is encoded, by its id."""

    rows: dict[str, Float32[np.ndarray, " dim"]] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)

    def enter(self, features: Mapping[str, Float16[np.ndarray, "views dim"]]) -> None:
        """Take features in, as they are kept by SHA-256."""
        if features:
            means = mean_of_views(np.stack(list(features.values())))
            ids = [id_of(sha256) for sha256 in features]
            self.rows |= zip(ids, means, strict=True)
            self.sha256 |= zip(ids, features, strict=True)

    def __contains__(self, picture: object) -> bool:
        return picture in self.rows
