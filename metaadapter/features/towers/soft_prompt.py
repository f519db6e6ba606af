"""Soft prompts: learned vectors in the place of words before a class name.

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

# A token of CLIP's vocabulary that is in no name of a class.
PLACEHOLDER = "♥"
# Under this name the vectors are a part of the table of embeddings.
PART = "prompt"

Tokenize = Callable[[list[str]], Tensor]
"""From n sentences to the numbers of their tokens, (n, length)."""


@final
class PromptedTexts:
    """A text tower that reads vectors in the place of words before class names.

    Args:
        network: A model of open_clip, which is to be a `shared_copy`: it is changed.
        tokenize: Its tokeniser.
        context: The vectors, as wide as the embeddings of tokens.

    Attributes:
        context: The parameter that the vectors are now, there to be trained.

    Raises:
        UsageError: The network has no text tower of open_clip, or its tokeniser no placeholder.
        IncompatibleArtifact: Its embeddings have another width.
    """

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
        """The prompted sentences of names, as `prompt_tokens` gives them."""
        return prompt_tokens(self._tokenize, names, len(self.context))

    def shorten(self, tokens: Int[Tensor, "n length"]) -> Int[Tensor, "n shorter"]:
        """Read no further than the longest of these sentences from now on, and cut them there."""
        return shorten(self._network, tokens)

    def __call__(self, tokens: Int[Tensor, "n length"]) -> Float[Tensor, "n joint_dim"]:
        """Unit rows of sentences; gradients reach the context."""
        weight = _embeddings(self._network).weight
        exact = weight.dtype == torch.float32
        with torch.autocast(weight.device.type, None if exact else weight.dtype, enabled=not exact):
            found = self._network.encode_text(tokens.to(weight.device))
        return normalize(found.float(), dim=-1)


def word_vectors(
    network: nn.Module, tokenize: Tokenize, words: str, n_context: int
) -> Float[Tensor, "n_context width"]:
    """The embeddings of the last `n_context` tokens of words, which repeat where they are too few.

    A prompt of them reads as a sentence that begins with these words.

    Raises:
        UsageError: The network has no text tower of open_clip, or its tokeniser no placeholder.
    """
    weight = _embeddings(network).weight
    (numbers,) = tokenize([f"{words} {PLACEHOLDER}"]).tolist()
    before = set(tokenize([PLACEHOLDER])[0].tolist())
    own = [n for n in numbers[: numbers.index(_placeholder(tokenize))] if n not in before]
    chosen = (own * n_context)[-n_context:]
    return weight[chosen].detach().float().clone()


def prompt_tokens(
    tokenize: Tokenize, names: Sequence[str], n_context: int
) -> Int[Tensor, "n length"]:
    """The tokens of names behind placeholders; a name too long is cut as the tokeniser does.

    Raises:
        UsageError: There is no place for so long a prompt, or a name has a placeholder in it.
    """
    places = " ".join([PLACEHOLDER] * n_context)
    tokens = tokenize([f"{places} {name}." for name in names])
    n_places = (tokens == _placeholder(tokenize)).sum(1)
    if (n_places != n_context).any():
        wrong = names[int((n_places != n_context).nonzero()[0, 0])]
        raise UsageError(
            f"a prompt of {n_context} vectors cannot stand before the name {wrong!r}: the text "
            f"tower reads {tokens.shape[1]} tokens at most, and {PLACEHOLDER} is no part of a name"
        )
    return tokens


def shorten(network: nn.Module, tokens: Int[Tensor, "n length"]) -> Int[Tensor, "n shorter"]:
    """Let a network read no further than the longest of these sentences, and cut them there.

    In a tower whose tokens see only those before them this changes nothing else; any other one
    stays as it is. Sentences of CLIP have 77 tokens, nearly all of them empty.

    Args:
        network: A model of open_clip, which is to be a `shared_copy`.
        tokens: Sentences that end in the largest number, as those of CLIP do.
    """
    part = _text_part(network)
    pooled = getattr(part, "pool_type", getattr(part, "text_pool_type", None))
    mask, positions = getattr(part, "attn_mask", None), part.positional_embedding
    full = tokens.shape[1]
    if pooled != "argmax" or mask is None or {len(mask), len(positions)} != {full}:
        return tokens
    length = int(tokens.argmax(1).max()) + 1
    part.attn_mask = mask[:length, :length]
    part.positional_embedding = nn.Parameter(positions[:length], requires_grad=False)
    return tokens[:, :length]


class _Prompt(nn.Module):
    """Learned vectors, and the number of the token in whose places they stand."""

    def __init__(self, context: Float[Tensor, "n_context width"], placeholder: int) -> None:
        super().__init__()
        self.context = nn.Parameter(context.detach().float().clone())
        self.placeholder = placeholder

    def forward(
        self, tokens: Int[Tensor, "n length"], embedded: Float[Tensor, "n length width"]
    ) -> Float[Tensor, "n length width"]:
        """The embeddings of sentences with the vectors in their places."""
        is_place = tokens == self.placeholder
        is_place &= is_place.sum(1, keepdim=True) == len(self.context)
        number = (is_place.cumsum(1) - 1).clamp(0, len(self.context) - 1)
        return torch.where(is_place[..., None], self.context[number].to(embedded.dtype), embedded)


def _put_in(table: nn.Module, tokens: tuple[Tensor], embedded: Tensor) -> Tensor:
    # A copy of the network has a copy of the prompt: the table at hand knows which.
    with_context: Tensor = table.get_submodule(PART)(tokens[0], embedded)
    return with_context


def _text_part(network: nn.Module) -> Any:
    """What holds the table of embeddings: the network itself, or its text tower."""
    part = getattr(network, "text", network)
    if not isinstance(getattr(part, "token_embedding", None), nn.Embedding):
        kind = "one of Hugging Face" if hasattr(part, "config") else "none"
        raise UsageError(
            "a learned prompt needs a text tower of open_clip, which looks up a vector for each "
            f"token, and this encoder has {kind}: leave --prompt out, or name another encoder"
        )
    return part


def _embeddings(network: nn.Module) -> nn.Embedding:
    table: nn.Embedding = _text_part(network).token_embedding
    return table


def _placeholder(tokenize: Tokenize) -> int:
    """The number of the placeholder's token, which stands twice where there are two of them."""
    once, twice = map(list[int], tokenize([PLACEHOLDER, f"{PLACEHOLDER} {PLACEHOLDER}"]).tolist())
    own = [n for n in set(once) if (once.count(n), twice.count(n)) == (1, 2)]
    if len(own) != 1:
        raise UsageError(
            f"a learned prompt needs a tokeniser with one token for {PLACEHOLDER}, as that of CLIP "
            "has; leave --prompt out, or name another encoder"
        )
    return own[0]
