"""The options of `metaadapter adapt`, beside those that other commands have too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

# CoOp uses as many, and no name needs more.
MOST_VECTORS = 16

Support = Annotated[
    Path | None,
    Argument(
        metavar="[SUPPORT]",
        help="Labelled pictures: a folder with one folder per class, a manifest (.csv, .jsonl, "
        ".parquet), a CoOp split (.json), or a feature store made by `metaadapter encode`. Not "
        "given with --names.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="ADAPTER",
        help="Folder of the adapter, or NAME.adapter for a skill file.",
    ),
]
Captions = Annotated[
    bool,
    Option(
        "--captions",
        help="SUPPORT is a manifest with a caption for each picture, in a column `caption`: "
        "make an adapter that orders captions for pictures, and pictures for captions.",
    ),
]
Names = Annotated[
    str | None,
    Option(
        metavar="NAME,…",
        help="Classes by their names alone, without any labelled picture, in place of SUPPORT.",
    ),
]
Unlabelled = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Unlabelled pictures of the same kind, in any number: a folder, a manifest or a "
        "feature store. They help most at one to four pictures a class.",
    ),
]
Background = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Pictures of nothing of interest, such as empty frames: a class `background` that "
        "needs no name.",
    ),
]
Mode = Annotated[
    Literal["one_shot", "finetune"],
    Option(
        help="one_shot: one forward pass of the generator, no gradients. finetune: gradient "
        "steps from there, as many as pictures left out of the support confirm, or none."
    ),
]
Inside = Annotated[
    Literal["image"] | None,
    Option(
        help="Train adapters inside this tower of the encoder, in minutes, before the adapter is "
        "predicted; kept if pictures that are left out of the training confirm a gain. For about "
        "16 pictures a class, where new pictures come from the same source as these."
    ),
]
Kind = Annotated[
    Literal["bottleneck", "lora"] | None,
    Option(
        help="With --inside: what is trained. bottleneck: a narrow layer beside the output of each "
        "block. lora: a product of two narrow matrices beside each weight of a block.",
        show_default="bottleneck",
    ),
]
Prompt = Annotated[
    int | None,
    Option(
        min=1,
        max=MOST_VECTORS,
        metavar="N",
        help="Learn N vectors that precede the names of classes without a picture, now and in "
        "`metaadapter add`, from the classes with pictures; kept if classes that are left out "
        "confirm a gain. 4 is usual.",
    ),
]
Generator = Annotated[
    str,
    Option(
        metavar="NAME",
        help="default, closed-form (untrained), a folder, or FILE.py:CLASS, one of your own.",
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="LABEL=NAME", help="Name of a class, where its folder says too little. Repeat."),
]
AddClass = Annotated[
    list[str] | None,
    Option(metavar="LABEL[=NAME]", help="A class without pictures, known by its name. Repeat."),
]
Describe = Annotated[
    list[str] | None,
    Option(
        metavar="LABEL=SENTENCE",
        help="What a class looks like, beside its name; it counts as far as the pictures support "
        "it. Also a column `description` of a manifest, or lines of a file class.txt in the "
        "folder of the class. Repeat.",
    ),
]
NoText = Annotated[bool, Option("--no-text", help="Learn from the pictures alone, not from names.")]
Shots = Annotated[
    int | None,
    Option(min=1, help="Use K pictures of each class, drawn by --seed; nested in K + 1."),
]
