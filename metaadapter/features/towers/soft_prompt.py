"""Soft prompts: learned vectors instead of words before a class name.

K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from metaadapter.errors import IncompatibleArtifact, UsageError

# A token of CLIP's vocabulary that no class name has.
PLACEHOLDER = "♥"
# The name of the vectors as a submodule of the embedding table.
PART = "prompt"

Tokenize = Callable[[list[str]], Tensor]
"""A function from n sentences to their token numbers (n, length)."""


@final
class PromptedTexts:
    """A text tower that reads learned vectors before class names; it changes `network`."""

    def __init__(
        self, network: nn.Module, tokenize: Tokenize, context: Float[Tensor, "n_context width"]
    ) -> None:
        table = _embeddings(network)
        if context.ndim != 2 or context.shape[1] != table.embedding_dim:
            raise IncompatibleArtifact(
                f"the learned context of shape {tuple(context.shape)} does not fit the text tower, "
                f"whose embeddings of tokens are {table.embedding_dim} wide"
            )
        prompt = _Prompt(context, _placeholder(tokenize)).to(table.weight.device)
        table.add_module(PART, prompt)
        table.register_forward_hook(_put_in)
        self.context = prompt.context
        self._network: Any = network
        self._tokenize = tokenize

    def tokens(self, names: Sequence[str]) -> Int[Tensor, "n length"]:
        """Return the tokens of names after placeholders; a name that is too long is cut."""
        n_context = len(self.context)
        prefix = " ".join([PLACEHOLDER] * n_context)
        tokens = self._tokenize([f"{prefix} {name}." for name in names])
        n_read = (tokens == _placeholder(self._tokenize)).sum(1)
        if (n_read != n_context).any():
            wrong = names[int((n_read != n_context).nonzero()[0, 0])]
            raise UsageError(
                f"a prompt of {n_context} vectors does not fit before the name {wrong!r}: the text "
                f"tower reads at most {tokens.shape[1]} tokens, and {PLACEHOLDER} may not be in a "
                "name"
            )
        return tokens

    def shorten(self, tokens: Int[Tensor, "n length"]) -> Int[Tensor, "n shorter"]:
        """Cut the text tower and these sentences to the length of the longest sentence.

        The features do not change, since only a tower with causal attention is cut. CLIP pads
        each sentence to 77 tokens.
        """
        part = _text_part(self._network)
        pooled = getattr(part, "pool_type", getattr(part, "text_pool_type", None))
        mask, positions = getattr(part, "attn_mask", None), part.positional_embedding
        full = tokens.shape[1]
        if pooled != "argmax" or mask is None or {len(mask), len(positions)} != {full}:
            return tokens
        length = int(tokens.argmax(1).max()) + 1
        part.attn_mask = mask[:length, :length]
        part.positional_embedding = nn.Parameter(positions[:length], requires_grad=False)
        return tokens[:, :length]

    def __call__(self, tokens: Int[Tensor, "n length"]) -> Float[Tensor, "n joint_dim"]:
        """Encode sentences, given as tokens, to unit rows; gradients reach the context."""
        weight = _embeddings(self._network).weight
        exact = weight.dtype == torch.float32
        with torch.autocast(weight.device.type, None if exact else weight.dtype, enabled=not exact):
            features = self._network.encode_text(tokens.to(weight.device))
        return normalize(features.float(), dim=-1)


def word_vectors(
    network: nn.Module, tokenize: Tokenize, words: str, n_context: int
) -> Float[Tensor, "n_context width"]:
    """Return the embeddings of the last `n_context` tokens of `words`, repeated if too few."""
    weight = _embeddings(network).weight
    (numbers,) = tokenize([f"{words} {PLACEHOLDER}"]).tolist()
    frame = set(tokenize([PLACEHOLDER])[0].tolist())
    tokens = [n for n in numbers[: numbers.index(_placeholder(tokenize))] if n not in frame]
    chosen = (tokens * n_context)[-n_context:]
    return weight[chosen].detach().float().clone()


class _Prompt(nn.Module):
    def __init__(self, context: Float[Tensor, "n_context width"], placeholder: int) -> None:
        super().__init__()
        self.context = nn.Parameter(context.detach().float().clone())
        self.placeholder = placeholder

    def forward(
        self, tokens: Int[Tensor, "n length"], embedded: Float[Tensor, "n length width"]
    ) -> Float[Tensor, "n length width"]:
        """Replace the embeddings of placeholders in sentences by the learned vectors."""
        is_replaced = tokens == self.placeholder
        is_replaced &= is_replaced.sum(1, keepdim=True) == len(self.context)
        number = (is_replaced.cumsum(1) - 1).clamp(0, len(self.context) - 1)
        context = self.context[number].to(embedded.dtype)
        return torch.where(is_replaced[..., None], context, embedded)


def _put_in(table: nn.Module, tokens: tuple[Tensor], embedded: Tensor) -> Tensor:
    # Looked up in the table, since a copy of the network has a copy of the prompt.
    with_context: Tensor = table.get_submodule(PART)(tokens[0], embedded)
    return with_context


def _text_part(network: nn.Module) -> Any:
    part = getattr(network, "text", network)
    if not isinstance(getattr(part, "token_embedding", None), nn.Embedding):
        kind = "one of Hugging Face" if hasattr(part, "config") else "none"
        raise UsageError(
            "a learned prompt needs a text tower of open_clip, which looks up a vector for each "
            f"token, but this encoder has {kind}: take another encoder"
        )
    return part


def _embeddings(network: nn.Module) -> nn.Embedding:
    table: nn.Embedding = _text_part(network).token_embedding
    return table


def _placeholder(tokenize: Tokenize) -> int:
    """Return the number of the placeholder's token, the one that doubles with the placeholder."""
    once, twice = map(list[int], tokenize([PLACEHOLDER, f"{PLACEHOLDER} {PLACEHOLDER}"]).tolist())
    numbers = [n for n in set(once) if (once.count(n), twice.count(n)) == (1, 2)]
    if len(numbers) != 1:
        raise UsageError(
            f"a learned prompt needs a tokenizer with one token for {PLACEHOLDER}, as that of CLIP "
            "has; take another encoder"
        )
    return numbers[0]
