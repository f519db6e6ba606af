"""What `metaadapter adapt --inside` asks for, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.tuning import TunedInside

__all__ = [
    "InsideKind",
    "InsideTower",
    "inside_document",
    "inside_told",
    "require_for_inside",
]

InsideTower = Annotated[
    Literal["image"] | None,
    Option(
        help="Train adapters inside this tower of the encoder, in minutes, before the adapter is "
        "predicted; kept if pictures that are left out of the training bear it out. For pictures "
        "that are far from what the encoder has seen."
    ),
]
InsideKind = Annotated[
    Literal["bottleneck", "lora"] | None,
    Option(
        help="With --inside: what is trained. bottleneck: a narrow layer beside what a block "
        "gives. lora: a product of two narrow matrices beside each weight of a block.",
        show_default="bottleneck",
    ),
]


def require_for_inside(
    sources: Iterable[tuple[str, Path | None]], encoder: str | None, precision: str
) -> None:
    """Check what `--inside` needs before a picture is encoded.

    Args:
        sources: What each source of pictures is called, and where it is.
        encoder: The name of the encoder, if one was given.
        precision: The number format that the encoder computes in.

    Raises:
        UsageError: A source is a feature store, the encoder is one of one's own, or its precision
            is not that of training.
    """
    from metaadapter.features import is_store
    from metaadapter.own_code import is_own_code

    for name, source in sources:
        if source is not None and is_store(source):
            raise UsageError(
                f"{name} {source} is a feature store, and --inside changes what the encoder sees: "
                "give the pictures"
            )
    if encoder is not None and is_own_code(encoder):
        raise UsageError(
            f"--inside trains adapters inside the models of open_clip, and the encoder {encoder} "
            "is of your own; leave --inside out, or name another encoder"
        )
    if precision != "fp32":
        raise UsageError(
            f"--inside trains in fp32, and --precision {precision} was given: leave it out; "
            "predict takes any precision"
        )


def inside_document(tuned: TunedInside | None) -> dict[str, Any] | None:
    """The JSON form of what training inside the towers gave."""
    if tuned is None:
        return None
    found, left_out = tuned.left_out, None
    if found is not None:
        left_out = {
            "n": found.n_pictures,
            "strength": found.strength,
            "accuracy": found.accuracies[found.strength],
            "log_loss": found.log_losses[found.strength],
            "accuracy_without": found.accuracies[0.0],
            "log_loss_without": found.log_losses[0.0],
        }
    return {
        "adapters": None if tuned.config is None else tuned.config.model_dump(mode="json"),
        "n_trained": tuned.n_trained,
        "left_out": left_out,
        "seconds": tuned.seconds,
    }


def inside_told(tuned: TunedInside) -> list[str]:
    """Lines that tell a person what training inside the encoder gave."""
    found, took = tuned.left_out, f"({tuned.n_trained:,} numbers, {tuned.seconds:.1f} s)"
    if tuned.config is not None:
        lines = [f"inside the encoder: {tuned.config} {took}"]
        if found is not None:
            (right, loss), (right_without, loss_without) = (
                (found.accuracies[strength], found.log_losses[strength])
                for strength in (found.strength, 0.0)
            )
            lines.append(
                f"estimate from {found.n_pictures} pictures that were left out of a training: "
                f"{right:.1%} are predicted correctly with such adapters, {right_without:.1%} "
                f"without; their log loss is {loss:.3f} with them, {loss_without:.3f} without"
            )
        return lines
    if found is None:
        return [
            "no class has three pictures, so that nothing tells whether training inside the "
            f"encoder would help: it stays as it is {took}"
        ]
    return [
        f"{found.n_pictures} pictures that were left out of a training do not bear out adapters "
        f"inside the encoder, so it stays as it is {took}"
    ]
