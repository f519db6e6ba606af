"""The options that only `metaadapter adapt` has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from metaadapter.apps.cli.outputs import MayBeUrl, Output

# CoOp uses this number, and no name needs more.
MOST_VECTORS = 16

Support = Annotated[
    Path | None,
    Argument(
        metavar="[SUPPORT]",
        help="Labelled pictures: a folder with one folder per class, a manifest (.csv, .jsonl, "
        ".parquet), a CoOp split (.json), boxes with labels (COCO, YOLO, Pascal VOC, CVAT, Label "
        "Studio), tar or Parquet files of pictures, or a feature store made by `metaadapter "
        "encode`. Not given with --names.",
        show_default=False,
    ),
    MayBeUrl(),
]
Out = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="ADAPTER",
        help="Folder of the adapter, or NAME.adapter for a skill file.",
    ),
    Output(),
]
Captions = Annotated[
    bool,
    Option(
        "--captions",
        help="SUPPORT is a manifest with a caption for each picture, in a column `caption`: "
        "make an adapter that orders captions for pictures, and pictures for captions.",
    ),
]
Several = Annotated[
    bool,
    Option(
        "--several",
        help="A picture may show several classes, or none: labels such as fox;snow in a manifest, "
        "a row for each, boxes, or copies of the picture in several folders. Each class has a "
        "probability of its own, and a threshold.",
    ),
]
Partial = Annotated[
    bool,
    Option(
        "--partial",
        help="With --several: a class that is not among the labels of a picture may yet be shown. "
        "!fox says that it is not.",
    ),
]
Names = Annotated[
    str | None,
    Option(
        metavar="NAME,…",
        help="Names of the classes, in place of SUPPORT, if there are no labelled pictures.",
    ),
]
Unlabelled = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Unlabelled pictures of the same kind, in any number: a folder, a manifest or a "
        "feature store. They help most at one to four pictures a class.",
    ),
    MayBeUrl(),
]
Background = Annotated[
    Path | None,
    Option(
        metavar="PICTURES",
        help="Pictures without anything of interest, such as empty frames from the same cameras "
        "(those of others hardly help). They form a class `background`, which needs no name.",
    ),
    MayBeUrl(),
]
Tree = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="Parents of the classes: indented text, or a table with the columns child and parent, "
        "or with a label and ranks such as order and family. `predict` then answers at the deepest "
        "name that is sure, and a class without pictures learns from its siblings.",
    ),
]
Mode = Annotated[
    Literal["one_shot", "finetune"],
    Option(
        help="one_shot: one forward pass of the generator, no gradients. finetune: gradient steps "
        "after it; pictures left out of the support decide how many, perhaps none. With "
        "--unlabelled the prediction is kept."
    ),
]
Elsewhere = Annotated[
    bool,
    Option(
        "--elsewhere",
        help="The pictures to predict come from elsewhere than the labelled ones: another camera, "
        "style or season. The adapter then relies less on what the labelled pictures have in "
        "common. Pictures from there, given with --unlabelled, help more.",
    ),
]
Inside = Annotated[
    Literal["image"] | None,
    Option(
        help="Before the adapter is predicted, train adapters inside this tower of the encoder, in "
        "minutes. They are kept only if they improve the predictions of left-out pictures. The "
        "gain is small, 0.5 ± 0.6 points with 16 pictures per class, and new pictures from another "
        "source lose."
    ),
]
Kind = Annotated[
    Literal["bottleneck", "lora"] | None,
    Option(
        help="What --inside trains. bottleneck: a narrow layer, added to the output of each block. "
        "lora: a product of two narrow matrices, added to each weight of a block.",
        show_default="bottleneck",
    ),
]
Prompt = Annotated[
    int | None,
    Option(
        min=1,
        max=MOST_VECTORS,
        metavar="N",
        help="From the classes with pictures, learn N vectors that precede the names of classes "
        "without pictures, now and in `metaadapter add`. They are kept only if they improve the "
        "predictions of left-out classes. Beside classes with pictures this gains nothing (−0.2 ± "
        "0.4 points). 4 is usual.",
    ),
]
Generator = Annotated[
    str,
    Option(
        metavar="NAME",
        help="Generator: default, closed-form (untrained), a folder, hf-hub:ORGANISATION/NAME, or "
        "FILE.py:CLASS, your code.",
    ),
]
Text = Annotated[
    list[str] | None,
    Option(metavar="LABEL=NAME", help="Name of a class, if its label says little. Repeatable."),
]
AddClass = Annotated[
    list[str] | None,
    Option(metavar="LABEL[=NAME]", help="A class known only by its name. Repeatable."),
]
Describe = Annotated[
    list[str] | None,
    Option(
        metavar="LABEL=SENTENCE",
        help="How a class looks, in addition to its name; it counts as far as the pictures support "
        "it. A column `description` in a manifest, or lines in a file class.txt in the folder of "
        "the class, do the same. Repeatable.",
    ),
]
NoText = Annotated[bool, Option("--no-text", help="Learn only from pictures, not from names.")]
Shots = Annotated[
    int | None,
    Option(min=1, help="Use K pictures of each class, drawn by --seed; K + 1 adds one to these."),
]
