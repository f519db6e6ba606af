from __future__ import annotations

import torch

from episodes import EpisodeSpec, Mixture

SPEC = EpisodeSpec((2, 2), (1, 1), 1)


def test_mixture__widths_and_specs__are_each_source_s_own(make_source, draw):
    narrow = make_source(name="narrow", width=4, spec=EpisodeSpec((3, 3), (2, 2), 1))
    mixture = Mixture([narrow, make_source(name="wide", width=9)], SPEC)

    draws = [mixture.draw(5, draw) for _ in range(20)]

    shapes = {episodes.source: tuple(episodes.batch.support_TNKD.shape) for episodes in draws}

    assert shapes == {"narrow": (5, 3, 2, 4), "wide": (5, 2, 1, 9)}


def test_mixture__cross_domain_source__is_drawn_across(make_source, draw):
    domains = torch.tensor([0, 1, 1] * 3)
    source = make_source(domains_n=domains, cross_domain_share=1.0)

    batch = Mixture([source], SPEC).draw(40, draw).batch

    def domains_of(result):
        is_row = (source.features_nVD[:, 0] == result[..., None, :]).all(-1)
        return domains[is_row.float().argmax(-1)]

    support, query = domains_of(batch.support_TNKD[:, :, 0]), domains_of(batch.query_TQD)
    assert (support != query).all()
