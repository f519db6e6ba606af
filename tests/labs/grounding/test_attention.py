from __future__ import annotations

import math

import torch

from metaadapter.labs.grounding.cross_modal import GuidedAttention


def slowly(attention, queries, keys, alike):
    """One token, one head and one task at a time."""
    heads, width = attention.heads, queries.shape[-1]
    size = width // heads
    q, k, v = attention.query(queries), attention.key(keys), attention.value(keys)
    rows = []
    for task in range(len(queries)):
        for a in range(queries.shape[1]):
            parts, maps = [], []
            for head in range(heads):
                part = slice(head * size, (head + 1) * size)
                logits = torch.stack(
                    [
                        q[task, a, part] @ k[task, b, part] / math.sqrt(size)
                        + attention.trust[head] * alike[task, a, b]
                        for b in range(keys.shape[1])
                    ]
                )
                parts.append(logits.softmax(0) @ v[task, :, part])
                salience = attention.salience(keys[task])[:, head].softmax(0)
                maps.append(logits @ salience)
            rows.append(attention.out(torch.cat(parts)) + attention.map_out(torch.stack(maps)))
    return torch.stack(rows).reshape(len(queries), queries.shape[1], width)


def test_attention_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    attention = GuidedAttention(8, 2, with_maps=True).requires_grad_(False)
    attention.trust.copy_(torch.tensor([0.5, 2.0]))
    queries, keys = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    alike = torch.randn(2, 3, 4)

    result = attention(queries, keys, alike)

    torch.testing.assert_close(result, slowly(attention, queries, keys, alike))
