"""Make 0.3 a good score threshold for a trained FCOS: sharpen its class scores, once, inside its weights."""

from __future__ import annotations

from torch import Tensor

GAIN, SHIFT = 1.5, -1.2
"""Chosen by hand among six pairs, on scenes of seed 77; ``tests/bench/measure_scenes.py`` measures what a threshold of
0.3 gives on other scenes."""

FCOS_CALIBRATION = f"class logits times {GAIN}, plus {SHIFT}: 0.3 is a good score threshold"

_LOGITS = "head.classification_head.cls_logits."


def sharpen(weights: dict[str, Tensor], gain: float = GAIN, shift: float = SHIFT) -> dict[str, Tensor]:
    """Return a copy of an FCOS's weights whose class logits are ``gain * logit + shift``.

    The score of FCOS is the square root of class probability times centre-ness. After so short a training the
    probabilities of wrong classes are still a few percent. The root turns them into scores of 0.3 and more: two false
    positives for each object. The last convolution is linear, so scaling its weights and shifting its bias has exactly
    this effect. The order of the classes at a location does not change.

    Args:
        weights: the state dict of a torchvision FCOS.
        gain, shift: the factor of the logits, and what is added to them.

    Returns:
        A new state dict; the other tensors are shared.
    """
    sharpened = dict(weights)
    sharpened[f"{_LOGITS}weight"] = weights[f"{_LOGITS}weight"] * gain
    sharpened[f"{_LOGITS}bias"] = weights[f"{_LOGITS}bias"] * gain + shift
    return sharpened
