"""The numbers that the network reads, by name: add or drop one here and where it is computed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["CLASS_SCALARS", "PAIR_SCALARS", "SHOT_SCALARS", "TASK_SCALARS", "stacked"]

CLASS_SCALARS = {
    "mean_length": "Length of the mean picture; short where pictures lie far apart.",
    "scatter": "Mean squared distance of the pictures from their mean; 0 at one shot.",
    "agreement": "Cosine of the class's text and its mean picture.",
    "rival_text": "Largest cosine of its text and another text.",
    "rival_mean": "Largest cosine of its mean and another mean.",
    "text_margin": "Agreement less the largest cosine of its text and another mean.",
    "mean_margin": "Agreement less the largest cosine of its mean and another text.",
    "text_finds_mean": "Whether its own mean is the one that its text is closest to.",
    "mean_finds_text": "Whether its own text is the one that its mean is closest to.",
    "log_shots": "Logarithm of its number of pictures.",
    "has_pictures": "Whether it has a picture.",
    "has_text": "Whether it has a text.",
    "log_ways": "Logarithm of the number of classes of the task.",
}
TASK_SCALARS = {
    "own_text_gap": "How much closer texts are to their own mean than to others, in deviations.",
    "own_text_gap_centred": "The same once each text's and each mean's average is taken away.",
    "text_mean_correlation": "Whether classes that are alike by text are alike by pictures.",
    "text_cross_correlation": "Whether likeness by text goes with likeness of text to mean.",
    "mean_cross_correlation": "Whether likeness by mean goes with likeness of text to mean.",
    "text_spread": "Spread of the cosines among texts.",
    "mean_spread": "Spread of the cosines among means.",
    "cross_spread": "Spread of the cosines of texts and means.",
    "picture_directions": "How many directions the pictures spread over, a picture.",
    "log_picture_directions": "Logarithm of how many directions the pictures spread over.",
    "text_directions": "How many directions the texts spread over, a text.",
    "mean_directions": "How many directions the means spread over, a mean.",
    "mean_energy": "Mean squared length of the means.",
    "zero_shot_soft": "Nats over guessing of the labels by the texts alone, at a low temperature.",
    "zero_shot_sharp": "The same at a high inverse temperature.",
    "zero_shot_accuracy": "Accuracy of the texts alone on the pictures, times log(ways).",
    "left_out_gain": "Nats over guessing of each label by the closed form of all other pictures.",
    "left_out_accuracy": "Accuracy of the closed form of all other pictures, times log(ways).",
    "left_out_scale": "Logarithm of the temperature that suits these answers over its base.",
    "has_left_out": "Whether any class has several pictures, so that one can be left out.",
}
SHOT_SCALARS = {
    "length": "Length of the canonical picture.",
    "own_mean": "Cosine to the mean of the other pictures of its class; 0 if it is alone.",
    "own_text": "Cosine to the text of its class.",
    "rival_mean": "Largest cosine to the mean of another class.",
    "rival_text": "Largest cosine to the text of another class.",
    "text_margin": "Cosine to its own text less that to the nearest other text.",
}
PAIR_SCALARS = {
    "texts": "Cosine of the texts of two classes.",
    "means": "Cosine of their means.",
    "text_mean": "Cosine of the text of the one and the mean of the other.",
    "mean_text": "Cosine of the mean of the one and the text of the other.",
    "texts_standardised": "As `texts`, of zero mean and unit variance within the task.",
    "means_standardised": "As `means`, likewise.",
    "text_mean_standardised": "As `text_mean`, likewise.",
    "mean_text_standardised": "As `mean_text`, likewise.",
    "same": "Whether the two are one class.",
    "constant": "One.",
}


def stacked(values: Mapping[str, Tensor], names: Mapping[str, str]) -> Tensor:
    """The values along a new last axis, in the order of the table.

    Raises:
        KeyError: A name of the table has no value, or a value no name.
    """
    if set(values) != set(names):
        raise KeyError(f"computed and named scalars differ: {sorted(set(values) ^ set(names))}")
    return torch.stack([values[name] for name in names], -1)
