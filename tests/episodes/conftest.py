from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from episodes import TaskSource


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def make_source():
    """A source whose features tell their picture and view: every row is one of a kind."""

    def make(labels=(0, 0, 0, 1, 1, 1, 2, 2, 2), *, n_views=1, width=6, **settings):
        drawn = torch.Generator().manual_seed(3)

        def rows(*shape):
            return normalize(torch.randn(*shape, width, generator=drawn), dim=-1)

        return TaskSource(
            name=settings.pop("name", "birds"),
            features_nVD=rows(len(labels), n_views),
            labels_n=torch.tensor(labels),
            text_CD=rows(max(labels) + 1),
            logit_scale=50.0,
            **settings,
        )

    return make


@pytest.fixture(scope="session")
def require_sound():
    """Checks drawn tasks one picture after the other; returns how many pictures it saw."""

    def require(rows, labels):
        seen_pictures = 0
        for task in range(len(rows.classes_TN)):
            classes = [c for c in rows.classes_TN[task].tolist() if c >= 0]
            assert len(set(classes)) == len(classes)
            seen: list[int] = []
            for way, c in enumerate(rows.classes_TN[task].tolist()):
                support, twin, query = (
                    [row for row in part[task, way].tolist() if row >= 0]
                    for part in (rows.support_TNK, rows.twin_TNK, rows.query_TNQ)
                )
                assert all(labels[row] == c for row in support + twin + query)
                assert (len(support) > 0) == (len(query) > 0) == (c >= 0)
                assert len(twin) in (0, len(support))
                seen += support + twin + query
            off_class = [row for row in rows.off_class_TO[task].tolist() if row >= 0]
            assert not {labels[row] for row in off_class} & set(classes)
            seen += off_class
            assert len(set(seen)) == len(seen)
            seen_pictures += len(seen)
        return seen_pictures

    return require
