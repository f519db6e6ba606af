"""Build the embedded encoder `tiny`.

    python -m tools.tiny_clip.build configs/encoder/tiny.toml --wordnet FILE --pictures FOLDER

It takes about an hour on two cores and can be stopped and started again. It needs the dependency
group `tiny-clip`. Writes `metaadapter/assets/tiny/`: an open_clip folder (config and safetensors).
`--text-tower FOLDER` instead of `--wordnet` copies the text tower and the temperature of an earlier
build, which takes minutes if only the image tower is new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tools.seal_encoder import seal_encoder

from .classes import imagenet_classes
from .image_tower import class_directions, joint_projection, load_trunk, mean_feature
from .text_corpus import Corpus, read_corpus
from .text_student import distil, encode_names, start_token_table, token_texts
from .text_teacher import TEMPLATES, TextTeacher

PICTURES = {".jpg", ".jpeg", ".png"}
CONFIG_FILE, WEIGHTS_FILE = "open_clip_config.json", "open_clip_model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="configs/encoder/tiny.toml")
    texts = parser.add_mutually_exclusive_group(required=True)
    texts.add_argument("--wordnet", type=Path, help="lines of id<TAB>name, name, …")
    texts.add_argument("--text-tower", type=Path, help="earlier build whose text tower is kept")
    parser.add_argument(
        "--pictures", type=Path, required=True, help="folder of photographs, for the mean feature"
    )
    parser.add_argument("--out", type=Path, default=Path("metaadapter/assets/tiny"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/tiny_clip"), help="kept between runs"
    )
    args = parser.parse_args()
    settings = tomllib.loads(args.config.read_text(encoding="utf-8"))
    kept = args.text_tower and load_file(args.text_tower / WEIGHTS_FILE)
    work = args.work / _digest(args.config, args.wordnet or args.text_tower / WEIGHTS_FILE)
    work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{(time.monotonic() - started) / 60:6.1f} min  {text}", file=sys.stderr, flush=True)

    torch.manual_seed(settings["seed"])
    classes = imagenet_classes()
    trunk = load_trunk()
    say("image tower proved equal to the package of its weights")
    directions = class_directions(trunk, classes.kept)
    projection = joint_projection(directions, settings["model_cfg"]["embed_dim"])
    mean = cached_mean(work / "mean.safetensors", trunk, args.pictures, settings["preprocess_cfg"])
    say("mean feature of the pictures")
    model = build_model(settings["model_cfg"])
    place_image_tower(model.visual, trunk, projection, mean)
    if kept:
        place_text_tower(model, kept)
    else:
        names = [classes.names[i] for i in classes.kept]
        teacher = TextTeacher.fit(names, directions, projection)
        corpus = read_corpus(
            args.wordnet, classes.names, n_phrases=settings["phrases"], seed=settings["seed"]
        )
        distil_text_tower(model.text, teacher, corpus, settings, work, say)
        scale = fit_logit_scale(names, directions, projection)
        say(f"logit scale {scale:.2f}")
        model.logit_scale.data.fill_(torch.tensor(scale).log())
    save(model, settings, args.out)
    seal_encoder(args.out)
    say(f"wrote {args.out}")


def distil_text_tower(
    text: nn.Module,
    teacher: TextTeacher,
    corpus: Corpus,
    settings: dict,
    work: Path,
    say: Callable[[str], None],
) -> None:
    """Train the text tower on the teacher's vectors of a corpus; finished parts stay in `work`."""
    texts = {"names": corpus.names, "kept_out": corpus.kept_out, "tokens": token_texts()}
    tables = cached_tables(work / "teacher.safetensors", teacher, texts)
    say(f"teacher's table: {len(corpus.names)} names, {len(corpus.kept_out)} kept out")
    start_token_table(text, tables["tokens"])

    def report(step: int, loss: float) -> None:
        text.eval()
        student = encode_names(text, corpus.kept_out, TEMPLATES)
        text.train()
        agreement = (student * tables["kept_out"]).sum(1).mean()
        say(f"step {step}: loss {loss:.4f}, cosine on kept-out names {agreement:.4f}")

    distil(
        text,
        corpus.names,
        corpus.weights,
        tables["names"],
        n_steps=settings["steps"],
        seed=settings["seed"],
        checkpoint=work / "student.pt",
        report=report,
    )


def place_text_tower(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put the text tower and the temperature of an earlier build into the model."""
    own = model.state_dict()
    kept = {key: weights[key] for key in own if not key.startswith("visual.")}
    model.load_state_dict({**own, **kept})


def _digest(*files: Path) -> str:
    """A name for the work on these inputs, so that a run continues only its own work."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def build_model(model_cfg: dict) -> nn.Module:
    """A `CustomTextCLIP` with fresh weights."""
    from open_clip.model import CustomTextCLIP

    config = {key: value for key, value in model_cfg.items() if key != "custom_text"}
    return CustomTextCLIP(**config)


def place_image_tower(
    visual: nn.Module, trunk: nn.Module, projection: Tensor, mean: Tensor
) -> None:
    """Put the trunk and `projection · (feature − mean)` into open_clip's timm tower."""
    weights = trunk.state_dict()
    visual.trunk.load_state_dict({key: weights[key] for key in visual.trunk.state_dict()})
    with torch.no_grad():
        visual.head.proj.weight.copy_(projection)
        visual.head.proj.bias.copy_(-projection @ mean)


def cached_mean(path: Path, trunk: nn.Module, folder: Path, preprocess_cfg: dict) -> Tensor:
    """The trunk's mean feature over a folder of pictures, computed once."""
    if not path.exists():
        pictures = sorted(path for path in folder.rglob("*") if path.suffix in PICTURES)
        preprocess = image_transform_v2(PreprocessCfg(**preprocess_cfg), is_train=False)
        save_file({"mean": mean_feature(trunk, pictures, preprocess)}, path)
    return load_file(path)["mean"]


def cached_tables(path: Path, teacher: TextTeacher, names: dict[str, object]) -> dict[str, Tensor]:
    """The teacher's vectors of every list of names, float16, computed once."""
    if path.exists():
        tables = load_file(path)
        if all(len(tables[key]) == len(some) for key, some in names.items()):
            return tables
    tables = {key: teacher.encode(some).half() for key, some in names.items()}
    save_file(tables, path)
    return tables


def fit_logit_scale(names: Sequence[str], directions: Tensor, projection: Tensor) -> float:
    """The scale with the least cross-entropy of class rows among names that the teacher never read.

    Teacher and student were fitted to these very rows: with names that they have read, the fit
    gives 91, while the least loss on pictures lies at 9 to 25. So each sixth of the names is read
    by a teacher that was fitted to the other five sixths.
    """
    image = nn.functional.normalize(directions @ projection.T, dim=1)
    text = torch.empty_like(image)
    for fold in torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).chunk(6):
        rest = sorted(set(range(len(names))) - set(fold.tolist()))
        teacher = TextTeacher.fit([names[i] for i in rest], directions[rest], projection)
        text[fold] = teacher.encode([names[i] for i in fold.tolist()])
    scales = torch.logspace(0, 2, 400, dtype=text.dtype)
    labels = torch.arange(len(names))
    losses = [nn.functional.cross_entropy(scale * image @ text.T, labels) for scale in scales]
    return float(scales[torch.stack(losses).argmin()])


def save(model: nn.Module, settings: dict, out: Path) -> None:
    """Write the open_clip folder: matrices as float16, vectors (norms, biases) as float32."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {
        key: (value.half() if value.ndim > 1 else value).contiguous()
        for key, value in model.state_dict().items()
    }
    save_file(weights, out / WEIGHTS_FILE, metadata={"format": "pt"})
    config = {key: settings[key] for key in ("model_cfg", "preprocess_cfg")}
    (out / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
