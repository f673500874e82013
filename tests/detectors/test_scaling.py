"""Pictures are scaled to a network's input as the network's own library scales them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from families.yolox import KINDS as YOLOX
from PIL import Image

from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.image import FloatImage
from detxai_nb.scaling import scale_as_opencv, scale_as_pillow
from detxai_nb.testing import NAMES, photograph

CPU = torch.device("cpu")
SIZES = [((7, 9), (11, 23)), ((40, 30), (20, 15)), ((33, 50), (17, 64)), ((1, 5), (3, 2)), ((21, 1), (8, 8))]


def by_hand(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """OpenCV's arithmetic for one pixel after the other."""

    def between(place: int, length: int, wanted: int, beyond: bool) -> tuple[list[int], list[int]]:
        exact = np.float32((place + 0.5) * (length / wanted) - 0.5)
        first = math.floor(exact)
        share = float(exact) - first
        if not beyond and not 0 <= first < length - 1:
            share = 0.0
        ends = [min(max(end, 0), length - 1) for end in (first, first + 1)]
        return ends, [round((1 - share) * 2048), round(share * 2048)]

    out = np.zeros((*size, 3), int)
    for y in range(size[0]):
        rows, down = between(y, pixels.shape[0], size[0], True)
        for x in range(size[1]):
            columns, across = between(x, pixels.shape[1], size[1], False)
            for channel in range(3):
                lines = [sum(int(pixels[r, c, channel]) * a for c, a in zip(columns, across)) for r in rows]
                out[y, x, channel] = (sum(((line >> 4) * d) >> 16 for line, d in zip(lines, down)) + 2) >> 2
    return out


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_opencvs_arithmetic_pixel_by_pixel(before: tuple[int, int], after: tuple[int, int]) -> None:
    image = photograph(*before)
    found = scale_as_opencv(image, after, CPU).permute(1, 2, 0)
    assert np.array_equal(found.numpy(), by_hand(image, after))


@pytest.mark.parametrize(("before", "after"), [*SIZES, ((150, 213), (96, 136)), ((64, 80), (101, 99))])
def test_opencv_itself(before: tuple[int, int], after: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2", reason="compares with OpenCV: pip install opencv-python-headless")
    image = photograph(*before)
    found = scale_as_opencv(image, after, CPU).permute(1, 2, 0)
    assert np.array_equal(found.numpy(), cv2.resize(image, after[::-1], interpolation=cv2.INTER_LINEAR))


def test_the_input_of_yolox_is_the_official_one() -> None:
    """``preproc`` of the official code: grey of 114, the scaled picture in whole numbers at the top left, BGR."""
    image = photograph(150, 213)
    network = YOLOX["yolox-nano"].build().module
    found, _ = YoloxDetector(network, NAMES, input_size=96)._prepare(image)
    canvas = np.full((96, 96, 3), 114)
    factor = min(96 / 150, 96 / 213)
    size = int(150 * factor), int(213 * factor)
    canvas[: size[0], : size[1]] = by_hand(image, size)[:, :, ::-1]
    assert np.array_equal(found.permute(1, 2, 0).numpy(), canvas)


def test_pillows_scaling_is_rounded() -> None:
    image = photograph(150, 213)
    found = scale_as_pillow(image, (64, 48), CPU).permute(1, 2, 0).numpy()
    assert np.array_equal(found, np.round(found))
    theirs = np.array(Image.fromarray(image).resize((48, 64), Image.Resampling.BILINEAR)).astype(float)
    assert np.abs(found - theirs).max() <= 1


def test_a_classifier_sees_whole_numbers() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 7, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    detector = ClassifierDetector(module, NAMES, input_size=64, mean=(0, 0, 0), std=(1, 1, 1))
    found = detector._prepare(photograph(150, 213)) * 255
    assert (found - found.round()).abs().max() < 1e-4


@pytest.mark.parametrize("scale", [scale_as_opencv, scale_as_pillow])
def test_what_must_not_be_rounded_is_not(scale: object) -> None:
    picture = FloatImage(torch.from_numpy(photograph(30, 40)).permute(2, 0, 1) * 0.37)
    smooth = F.interpolate(
        picture.values[None], (17, 22), mode="bilinear", align_corners=False, antialias=scale is scale_as_pillow
    )
    assert torch.allclose(scale(picture, (17, 22), CPU), smooth[0])  # type: ignore[operator]
    assert torch.equal(scale(picture, (30, 40), CPU), picture.values)  # type: ignore[operator]
