"""Train a cross-modal adapter on scenes, with frozen tokens that are computed once.

    python -m tools.train_grounding CONFIG --scenes SCENES --out RUN [--start RUN] [--work FOLDER]

CONFIG is a file like `configs/grounding/default.toml`, SCENES a folder that `tools.scenes.make`
wrote. Writes RUN/config.json and RUN/model.safetensors, which `tools.measure_grounding` reads with
`--cross-modal RUN`, and RUN/training.json. Tokens are kept in FOLDER, by default SCENES/tokens:
277 KB per scene for `tiny`. A stopped run continues when it is started again. `--start` begins
with the weights of another run, or of an earlier version of the shipped adapter; parts that these
do not have begin so that they change nothing.
"""

from __future__ import annotations

import argparse
import random
import time
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from metaadapter.data.checksums import TRAINING_RECORD, write_document
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, CrossModalConfig
from metaadapter.labs.grounding.pretrained import WEIGHTS_FILE, save_cross_modal
from metaadapter.labs.grounding.tokens import dense_size
from metaadapter.training.checkpoint import Checkpoint, load_checkpoint
from metaadapter.training.optimizer import make_schedule
from tools.grounding.measure import draw_questions, measure, of_adapter, of_frozen_map
from tools.grounding.objective import Losses, grounding_losses
from tools.grounding.scene_set import SceneSet, coverage
from tools.grounding.tasks import (
    PhraseReader,
    draw_absent,
    draw_asked,
    examples_of,
    mirrored,
    named_object,
)

MOST_GRADIENT = 1.0
TOLD_EVERY = 50
CHECKPOINT = "checkpoint.safetensors"


def main() -> None:
    """Read the scenes, train, evaluate on other classes, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--scenes", type=Path, required=True, help="folder of scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--start", type=Path, help="folder of a run to begin with")
    parser.add_argument("--work", type=Path, help="folder of tokens, SCENES/tokens by default")
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = tomllib.loads(args.config.read_text(encoding="utf-8"))
    encoder = FrozenEncoder.load(config["encoder"], zoom=False, blocks=["joint"])
    work, size = args.work or args.scenes / "tokens", dense_size(encoder)
    scenes, validation = (
        SceneSet.of(args.scenes, split, encoder, size, work, config[key])
        for split, key in (("train", "scenes"), ("validation", "validation_scenes"))
    )
    read = PhraseReader(encoder)
    adapter = new_adapter(encoder, scenes, config["seed"])
    if args.start is not None:
        read_weights(adapter, args.start / WEIGHTS_FILE)
    args.out.mkdir(parents=True, exist_ok=True)
    seconds, validated = learn(adapter, scenes, validation, read, config, args.out)
    save_cross_modal(adapter, args.out)
    frozen = measure(
        of_frozen_map(encoder.logit_scale),
        validation,
        draw_questions(validation, config["validation_phrases"], 0, config["seed"]),
        read,
    )
    record = {
        "schema": TRAINING_RECORD,
        "config": config,
        "seconds": seconds,
        "n_parameters": sum(parameter.numel() for parameter in adapter.parameters()),
        "classes": sorted(scenes.of_name),
        "validation_classes": sorted(validation.of_name),
        "validated": validated,
        "frozen_map": {group: score._asdict() for group, score in frozen.items()},
        "versions": {name: metadata.version(name) for name in ("metaadapter", "torch", "timm")},
    }
    write_document(args.out / "training.json", record)


def new_adapter(encoder: FrozenEncoder, scenes: SceneSet, seed: int) -> CrossModalAdapter:
    """An untrained adapter for the encoder, which gives the encoder's frozen map."""
    tokens = scenes.tokens([0])
    config = CrossModalConfig(
        encoder.name,
        encoder.fingerprint.digest,
        dense_size(encoder),
        tokens.joint_NHWD.shape[-1],
        tokens.stage_NhwC.shape[-1],
        encoder.logit_scale,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = CrossModalAdapter(config)
    adapter.centre.copy_(scenes.centre())
    return adapter


def read_weights(adapter: CrossModalAdapter, file: Path) -> None:
    """Set the weights that a file has; parts that the file lacks begin without effect."""
    known = {name: weights.float() for name, weights in load_file(file).items()}
    unknown = adapter.load_state_dict(known, strict=False).unexpected_keys
    if unknown:
        raise IncompatibleArtifact(
            f"{file}: expected the weights of a cross-modal adapter, got {', '.join(unknown)}; "
            "give a folder that tools/train_grounding.py wrote"
        )
    for name, weights in adapter.named_parameters():
        if name not in known and ".out." in name:
            torch.nn.init.zeros_(weights)


def learn(
    adapter: CrossModalAdapter,
    scenes: SceneSet,
    validation: SceneSet,
    read: PhraseReader,
    config: Mapping[str, Any],
    out: Path,
) -> tuple[float, dict[str, Any]]:
    """Train `adapter` in place; return the processor seconds, and the scores by step and shots."""
    optimizer = torch.optim.AdamW(
        adapter.parameters(), lr=config["lr"], weight_decay=config["weight_decay"]
    )
    schedule = make_schedule(optimizer, config["steps"])
    validated: dict[str, Any] = {}
    step, seconds = 0, 0.0
    if (out / CHECKPOINT).is_file():
        step, seconds, validated = _restore(out / CHECKPOINT, adapter, optimizer, schedule)
    usable = [number for number, scene in enumerate(scenes.scenes) if scene["phrases"]]
    console = Console(stderr=True)
    recent: list[list[float]] = []
    while step < config["steps"]:
        started = time.process_time()
        # Each step has its own seed, so that a stopped run continues to the same weights.
        rng = random.Random(f"{config['seed']} {step}")
        numbers = rng.sample(usable, config["scenes_per_step"])
        losses = _losses(adapter.train(), scenes, read, numbers, config, rng)
        optimizer.zero_grad()
        losses.total.backward()
        clip_grad_norm_(adapter.parameters(), MOST_GRADIENT)
        optimizer.step()
        schedule.step()
        step += 1
        seconds += time.process_time() - started
        recent.append([float(loss.detach()) for loss in losses])
        if step % TOLD_EVERY == 0:
            means = zip(Losses._fields, np.mean(recent, 0), strict=True)
            losses_line = ", ".join(f"{name} {mean:.3f}" for name, mean in means)
            console.print(f"step {step}: {losses_line}, {seconds:.0f} s")
            recent = []
        if step % config["validate_every"] == 0 or step == config["steps"]:
            validated[str(step)] = _validate(adapter.eval(), validation, read, config)
            console.print(f"step {step}: {_in_words(validated[str(step)])}")
            values = {"step": step, "seconds": seconds, "validated": validated}
            _keep(out / CHECKPOINT, adapter, optimizer, schedule, values)
    return seconds, validated


def _losses(
    adapter: CrossModalAdapter,
    scenes: SceneSet,
    read: PhraseReader,
    numbers: list[int],
    config: Mapping[str, Any],
    rng: random.Random,
) -> Losses:
    questions = [
        question
        for number in numbers
        for question in (
            *draw_asked(scenes, number, config["phrases_per_scene"], config["shots"], rng),
            draw_absent(scenes, number, rng.choice(config["shots"]), rng),
        )
        if question is not None
    ]
    tokens, texts = scenes.tokens(numbers), [str(question.phrase["text"]) for question in questions]
    boxes = torch.tensor([named_object(scenes, question)["box"] for question in questions])
    if rng.random() < 0.5:
        tokens, texts, boxes = mirrored(tokens, texts, boxes)
    words = read(texts, [examples_of(scenes, question, adapter) for question in questions])
    places = {number: place for place, number in enumerate(numbers)}
    of_picture = torch.tensor([places[question.scene] for question in questions])
    grounded = adapter(tokens, words, of_picture)
    grid = grounded.heat_Thw.shape[1:]
    inside = torch.stack([coverage(box, *grid) for box in boxes.tolist()])
    is_present = torch.tensor([question.is_present for question in questions])
    return grounding_losses(grounded, boxes, inside, is_present)


def _validate(
    adapter: CrossModalAdapter,
    validation: SceneSet,
    read: PhraseReader,
    config: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        str(shots): {
            group: score._asdict()
            for group, score in measure(
                of_adapter(adapter),
                validation,
                draw_questions(validation, config["validation_phrases"], shots, config["seed"]),
                read,
                lambda question: examples_of(validation, question, adapter),
            ).items()
        }
        for shots in sorted(set(config["shots"]))
    }


def _in_words(validated: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{shots} examples: pointing {100 * scores['all']['pointing']:.1f} %, "
        f"IoU {scores['all']['iou']:.3f}"
        for shots, scores in validated.items()
    )


def _keep(
    path: Path,
    adapter: CrossModalAdapter,
    optimizer: Optimizer,
    schedule: LambdaLR,
    values: Mapping[str, Any],
) -> None:
    state = optimizer.state_dict()["state"]
    moments = {
        f"{number}/{name}": tensor
        for number, state_of_one in state.items()
        for name, tensor in state_of_one.items()
    }
    tensors = {"adapter": adapter.state_dict(), "moments": moments}
    Checkpoint(tensors, {**values, "schedule": schedule.state_dict()}).save(path)


def _restore(
    path: Path, adapter: CrossModalAdapter, optimizer: Optimizer, schedule: LambdaLR
) -> tuple[int, float, dict[str, Any]]:
    kept = load_checkpoint(path)
    adapter.load_state_dict(kept.tensors["adapter"])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in kept.tensors["moments"].items():
        number, name = key.split("/")
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    schedule.load_state_dict(kept.values["schedule"])
    optimizer.param_groups[0]["lr"] = schedule.get_last_lr()[0]
    return kept.values["step"], kept.values["seconds"], kept.values["validated"]


if __name__ == "__main__":
    main()
