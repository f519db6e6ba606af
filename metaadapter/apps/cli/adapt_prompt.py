"""What `metaadapter adapt --prompt` asks for, and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.labs.tuning.soft_prompt import TunedPrompt

# CoOp's own choice, and far more than any name needs.
MOST = 16

PromptLength = Annotated[
    int | None,
    Option(
        min=1,
        max=MOST,
        metavar="N",
        help="Learn N vectors that stand before the names of classes without a picture, now and in "
        "`metaadapter add`, from those with pictures; kept if classes that are left out bear it "
        "out. 4 is usual.",
    ),
]


def require_for_prompt(*, no_text: bool, names: bool, encoder: str | None) -> None:
    """Check what `--prompt` needs before a picture is encoded.

    Raises:
        UsageError: There are no names, or no pictures, or the encoder is one of one's own.
    """
    from metaadapter.data.user_code import is_user_code

    if no_text:
        raise UsageError("--prompt is about the names of classes, and --no-text leaves these out")
    if names:
        raise UsageError("--prompt is learned from labelled pictures, and --names comes with none")
    if encoder is not None and is_user_code(encoder):
        raise UsageError(
            f"--prompt learns vectors for a text tower of open_clip, and the encoder {encoder} is "
            "of your own; leave --prompt out, or name another encoder"
        )


def prompt_document(tuned: TunedPrompt | None) -> dict[str, Any] | None:
    """The JSON form of what learning a prompt gave."""
    if tuned is None:
        return None
    found, left_out = tuned.left_out, None
    if found is not None:
        steps = tuned.n_steps
        left_out = {
            "n": found.n_pictures,
            "accuracy": found.accuracies[steps],
            "log_loss": found.log_losses[steps],
            "accuracy_without": found.accuracies[0],
            "log_loss_without": found.log_losses[0],
        }
    return {
        "context": None if tuned.config is None else tuned.config.model_dump(mode="json"),
        "n_trained": tuned.n_trained,
        "left_out": left_out,
        "seconds": tuned.seconds,
    }


def prompt_told(tuned: TunedPrompt) -> list[str]:
    """Lines that tell a person what learning a prompt gave."""
    found, took = tuned.left_out, f"({tuned.n_trained:,} numbers, {tuned.seconds:.1f} s)"
    if tuned.config is None:
        return [
            "classes that were left out, known by their names alone, do not bear out a learned "
            f"prompt: names are read as ever {took}"
        ]
    lines = [f"learned prompt: {tuned.config} {took}"]
    if found is not None:
        lines.append(
            f"estimate from {found.n_pictures} pictures of classes that were left out, by their "
            f"names alone: {found.accuracies[tuned.n_steps]:.1%} are told from one another "
            f"correctly with a prompt, {found.accuracies[0]:.1%} without; their "
            f"log loss is {found.log_losses[tuned.n_steps]:.3f} with it, "
            f"{found.log_losses[0]:.3f} without"
        )
    return lines
