"""The text student: open_clip's small text transformer, distilled from the teacher."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from .text_corpus import READING_TEMPLATES

BATCH = 512
N_LENGTHS = 4
PEAK_RATE = 2e-3
WARM_UP = 500
WEIGHT_DECAY = 0.05
CHECKPOINT_EVERY = 500


def token_texts() -> list[str]:
    """The text of each entry of open_clip's vocabulary, to initialize the token table."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    spelled = [tokenizer.decode([i]).strip() for i in range(tokenizer.vocab_size)]
    return [text if text.isprintable() and text else "." for text in spelled]


def start_token_table(tower: nn.Module, vectors: Tensor) -> None:
    """Fill the token table with the first principal components of the tokens' teacher vectors."""
    table = tower.token_embedding.weight
    basis = torch.pca_lowrank(vectors.float(), q=table.shape[1], niter=4)[2]
    rows = (vectors.float() - vectors.float().mean(0)) @ basis
    with torch.no_grad():
        table.copy_(rows * (0.02 * table.shape[1] ** 0.5 / rows.norm(dim=1).mean()))


class Sentences:
    """Token rows for names in templates, put together from cached pieces."""

    def __init__(self, names: Sequence[str]) -> None:
        from open_clip.tokenizer import SimpleTokenizer

        tokenizer = SimpleTokenizer()
        self.start, self.end = tokenizer.sot_token_id, tokenizer.eot_token_id
        self.names = [tokenizer.encode(name) for name in names]
        self.templates = [
            tuple(tokenizer.encode(part) for part in template.split("{}"))
            for template in READING_TEMPLATES
        ]

    def rows(self, names: Sequence[int], templates: Sequence[int], context: int) -> list[Tensor]:
        """The token ids of each sentence, cut to the context length as open_clip does."""
        rows = []
        for name, template in zip(names, templates, strict=True):
            before, after = self.templates[template]
            inside = list(chain(before, self.names[name], after))[: context - 2]
            rows.append(torch.tensor([self.start, *inside, self.end]))
        return rows


def forward_by_length(tower: nn.Module, rows: Sequence[Tensor]) -> Tensor:
    """The (n, width) outputs for `rows`, in order; rows of similar length share a batch."""
    order = torch.tensor([len(row) for row in rows]).argsort()
    outputs = [
        forward(tower, nn.utils.rnn.pad_sequence([rows[i] for i in some], batch_first=True))
        for some in order.chunk(N_LENGTHS)
    ]
    return torch.cat(outputs)[order.argsort()]


def forward(tower: nn.Module, tokens: Tensor) -> Tensor:
    """Run the tower on rows shorter than its context; its mask is causal, so results are equal."""
    length = tokens.shape[1]
    tower.attn_mask = tower.build_causal_mask()[:length, :length]
    try:
        return tower(tokens)
    finally:
        tower.attn_mask = tower.build_causal_mask()


def encode_names(tower: nn.Module, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """The (n, 512) unit rows of names, from open_clip's own tokens; means over the templates."""
    from open_clip import SimpleTokenizer

    tokenizer = SimpleTokenizer(context_length=tower.context_length)
    rows = []
    with torch.inference_mode():
        for first in range(0, len(names), BATCH):
            some = names[first : first + BATCH]
            tokens = tokenizer([t.format(name) for name in some for t in templates])
            unit = nn.functional.normalize(tower(tokens).double(), dim=1)
            rows.append(unit.unflatten(0, (len(some), len(templates))).mean(1))
    return nn.functional.normalize(torch.cat(rows), dim=1)


def rate(step: int, n_steps: int) -> float:
    """The fraction of the peak rate: a linear warm-up, then half a cosine to zero."""
    done = (step - WARM_UP) / (n_steps - WARM_UP)
    return min(step / WARM_UP, 0.5 * (1 + math.cos(math.pi * max(done, 0.0))))


def distil(
    tower: nn.Module,
    names: Sequence[str],
    weights: Sequence[float],
    targets: Tensor,
    *,
    n_steps: int,
    seed: int,
    checkpoint: Path,
    report: Callable[[int, float], None],
) -> None:
    """Train `tower` to give the teacher's unit vectors, by cosine; resume from `checkpoint`.

    Args:
        tower: an open_clip `TextTransformer`, trained in place.
        names: n names; every step reads `BATCH` of them in templates drawn at random.
        weights: how often each name is read, relative to the others.
        targets: the teacher's vectors of the names, averaged over its templates.
        n_steps: length of the schedule (warm-up, then half a cosine to zero).
        seed: the seed of the draws.
        checkpoint: torch file of tensors only, written atomically.
        report: called with the step and the mean loss since the last call.
    """
    sentences, targets = Sentences(names), targets.float()
    optimiser = torch.optim.AdamW(
        tower.parameters(), PEAK_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    draw = torch.Generator().manual_seed(seed)
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        first = saved["step"]
        tower.load_state_dict(saved["tower"])
        optimiser.load_state_dict(saved["optimiser"])
        draw.set_state(saved["draw"])
    chances, losses = torch.tensor(weights), []
    tower.train()
    for step in range(first + 1, n_steps + 1):
        rows = torch.multinomial(chances, BATCH, replacement=True, generator=draw)
        templates = torch.randint(len(READING_TEMPLATES), (BATCH,), generator=draw)
        tokens = sentences.rows(rows.tolist(), templates.tolist(), tower.context_length)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = forward_by_length(tower, tokens)
        loss = 1 - cosine_similarity(vectors.float(), targets[rows]).mean()
        optimiser.param_groups[0]["lr"] = PEAK_RATE * rate(step, n_steps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if step % CHECKPOINT_EVERY == 0 or step == n_steps:
            report(step, sum(losses) / len(losses))
            losses.clear()
            partial = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "step": step,
                    "tower": tower.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "draw": draw.get_state(),
                },
                partial,
            )
            partial.replace(checkpoint)
    tower.eval()
