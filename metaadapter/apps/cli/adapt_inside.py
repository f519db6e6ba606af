"""What `metaadapter adapt --inside` asks for, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.labs.tuning.inside import TunedInside

InsideTower = Annotated[
    Literal["image"] | None,
    Option(
        help="Train adapters inside this tower of the encoder, in minutes, before the adapter is "
        "predicted; kept if pictures that are left out of the training bear it out. For some 16 "
        "pictures a class, where new pictures come from the same source as these."
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
    from metaadapter.data.user_code import is_user_code
    from metaadapter.features.encoded_pictures import is_store

    for name, source in sources:
        if source is not None and is_store(source):
            raise UsageError(
                f"{name} {source} is a feature store, and --inside changes what the encoder sees: "
                "give the pictures"
            )
    if encoder is not None and is_user_code(encoder):
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
    if found is None:
        if tuned.config is not None:
            return [f"inside the encoder: {tuned.config} {took}"]
        return [
            "no class has three pictures, so that nothing tells whether training inside the "
            "encoder would help: it stays as it is"
        ]
    without = found.log_losses[0.0]
    if tuned.config is None:
        others = [loss for strength, loss in found.log_losses.items() if strength]
        return [
            f"{found.n_pictures} pictures that were left out of a training do not bear out "
            f"adapters inside the encoder: their log loss is {min(others):.3f} with them, "
            f"{without:.3f} without; it stays as it is {took}"
        ]
    right, right_without = (found.accuracies[it] for it in (found.strength, 0.0))
    return [
        f"inside the encoder, at {found.strength:.0%} of what was trained: {tuned.config} {took}",
        f"of {found.n_pictures} pictures, each left out of a training on most of the others, "
        f"{right:.1%} are predicted correctly with such adapters, {right_without:.1%} without; "
        f"their log loss is {found.log_losses[found.strength]:.3f} with them, {without:.3f} "
        "without (an estimate without --inside leaves out one picture at a time: the two do not "
        "compare)",
    ]
