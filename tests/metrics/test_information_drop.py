"""Confidence drop and information drop: worked out by hand, and against a plain loop."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, Counting, box_mask, case, detector, found, painted, sample
from PIL import Image
from torch import Tensor

from detxai_nb.evaluation.fingerprint import to_plain
from detxai_nb.evaluation.plan import make_plan
from detxai_nb.evaluation.selection import Protocol
from detxai_nb.metrics import METRICS, DetectionCache, Measured, masked_image, webp_bytes, webp_encoder

MEAN = 3 * (40 * 200 + 40 * 100 + 160 * 7) / (3 * 240)
"""Of the cup's, the pan's and the other pixels: 54.67."""


def drop(
    maps: Tensor, name: str = "confidence-drop", predict: Any = painted, about: Any = None, **how: Any
) -> Measured:
    return METRICS[name].measure(case(maps, detector=detector(predict), **(about or {})), **how)


def ten_of_the_cup() -> Tensor:
    """The cup's first row is 2, ten pixels of the background 1; of the pan's map the whole pan is 1."""
    heat = torch.zeros(2, HEIGHT, WIDTH)
    heat[0, 2, 1:11], heat[0, 11, :10] = 2, 1
    heat[1] = torch.from_numpy(box_mask(BOXES[1]))
    return heat


def test_by_hand() -> None:
    measured = drop(ten_of_the_cup())
    assert measured.value.tolist() == [0.25, 1]
    assert {name: values.tolist() for name, values in measured.extras.items()} == {
        "left": [0.75, 0],
        "iou": [1, 0],
        "original": [1, 1],
    }
    # 48 pixels: 20 with a value that another has too and zeros, which are all tied.
    assert measured.ties is not None
    assert measured.ties.tolist() == [1, 1]
    assert drop(ten_of_the_cup(), share=5 / 240).value.tolist() == [0.125, 0.125]
    assert drop(ten_of_the_cup(), share=0).value.tolist() == [0, 0]


def test_the_changed_picture_by_hand() -> None:
    seen: list[np.ndarray] = []

    def watch(image: np.ndarray) -> dict[str, Any]:
        seen.append(image.copy())
        return painted(image)

    drop(ten_of_the_cup(), predict=watch)
    photograph = sample().image
    expected = photograph.copy()
    expected[2, 1:11] = round(MEAN)
    expected[11, :10] = round(7 / 2 + MEAN / 2)
    assert (seen[0] == expected).all(), "0.5 of the mean, the zeros among the highest fifth change nothing"
    assert (photograph == sample().image).all()
    assert masked_image(photograph, np.ones((HEIGHT, WIDTH))).tolist() == np.full_like(photograph, 55).tolist()


def test_binary_masks_take_the_ties_too() -> None:
    heat = torch.zeros(2, HEIGHT, WIDTH)
    heat[0, 2, 1:6], heat[1, 0, 14] = 3, 1
    small = [drop(heat, mask=mask, share=10 / 240, ties="row-major").value.tolist() for mask in ("map", "binary")]
    # Row by row the zeros begin with the picture's first row: 4 of the pan's pixels are at its columns 14 to 17.
    assert small == [pytest.approx([0.125, 0.025])] * 2
    binary = drop(heat, mask="binary", share=40 / 240, ties="row-major").value.tolist()
    # 35 zeros: the first row's 20 and 15 of the second; 39 for the pan: 19 of the first row, 20 of the second.
    assert binary == pytest.approx([0.125, 8 / 40])


def test_an_empty_or_constant_map_changes_nothing_or_by_chance() -> None:
    for heat in (torch.zeros(2, HEIGHT, WIDTH), torch.ones(2, HEIGHT, WIDTH)):
        assert drop(heat).value.tolist() == [0, 0]
        assert drop(heat, "information-drop").value.tolist() == [0, 0]
        one, again = (drop(heat, mask="binary").value for _ in range(2))
        assert torch.equal(one, again)
        assert (one > 0).all()
        other = drop(heat, mask="binary", about={"seed": 1}).value
        assert not torch.equal(one, other)


def test_the_score_is_weighed_by_the_overlap_however_small() -> None:
    def shrunk(image: np.ndarray) -> dict[str, Any]:
        """A quarter of the cup's box and a stronger cup elsewhere."""
        return {"boxes": [[1, 2, 3.5, 6], [12, 6, 20, 12]], "scores": [0.8, 0.9], "labels": [0, 0]}

    measured = drop(ten_of_the_cup(), predict=shrunk)
    assert measured.value.tolist() == pytest.approx([1 - 0.8 / 4, 1])
    assert measured.extras["iou"].tolist() == pytest.approx([0.25, 0])
    assert drop(ten_of_the_cup(), predict=shrunk, min_iou=0.5).value.tolist() == [1, 1]


def test_a_rising_score_is_no_drop_and_a_score_of_zero_has_none() -> None:
    measured = drop(ten_of_the_cup(), about={"detections": found(scores=(0.5, 0.0))})
    assert measured.value[0] == 0
    assert measured.value[1].isnan()
    assert measured.extras["left"].tolist() == [0.75, 0]


def test_the_same_picture_is_asked_once() -> None:
    count = Counting()
    asked = detector(count)
    answers = DetectionCache(asked)
    for _ in range(2):
        METRICS["confidence-drop"].measure(case(ten_of_the_cup(), detector=asked, answers=answers))
    assert answers.queries == count.calls == 2


def noisy_case(predict: Any) -> tuple[Any, Tensor, np.ndarray]:
    """Noise with two objects, one at the border, and maps with many ties."""
    random = np.random.default_rng(4)
    image = random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    maps = torch.from_numpy(random.integers(0, 6, (2, HEIGHT, WIDTH))).float()
    one = case(maps, sample=sample(image=image), detections=found(scores=(0.75, 0.7)), detector=detector(predict))
    return one, maps, image


def wandering(image: np.ndarray) -> dict[str, Any]:
    """Boxes and scores that depend on the pixels, with a decoy of the other class on each object."""
    light = float(image.mean()) / 255
    boxes, scores, labels = [], [], []
    for label, box in enumerate(BOXES):
        mean = float(image[box_mask(box)].mean()) / 255
        x1, y1, x2, y2 = box
        boxes += [[x1 + light, y1, x2, y2], [x1, y1, x2 - 2 * mean, y2], [x1, y1, x2, y2]]
        scores += [min(1.0, 0.2 + mean), 0.3 + 0.5 * light, 0.97]
        labels += [label, label, 1 - label]
    return {"boxes": boxes, "scores": scores, "labels": labels}


def overlap(a: Any, b: Any) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0.0) * max(tall, 0.0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def slow_picture(image: np.ndarray, heat: Tensor, mask: str) -> np.ndarray:
    """Pixel by pixel; ties row by row."""
    values = heat.double().tolist()
    flat = [value for row in values for value in row]
    highest = sorted(range(len(flat)), key=lambda place: (-flat[place], place))[: round(0.2 * len(flat))]
    low, high, mean = min(flat), max(flat), sum(image.flatten().tolist()) / image.size
    changed = image.copy()
    for place in highest:
        y, x = divmod(place, WIDTH)
        weight = (flat[place] - low) / (high - low) if mask == "map" else 1.0
        for channel in range(3):
            changed[y, x, channel] = round(int(image[y, x, channel]) * (1 - weight) + mean * weight)
    return changed


@pytest.mark.parametrize("mask", ["map", "binary"])
def test_against_a_plain_loop(mask: str) -> None:
    one, maps, image = noisy_case(wandering)
    expected, lost = [], []
    for row, heat in enumerate(maps):
        picture = slow_picture(image, heat, mask)
        answer = wandering(picture)
        own = [n for n in range(6) if answer["labels"][n] == row and answer["scores"][n] >= 0.05]
        best = max(own, key=lambda n: overlap(answer["boxes"][n], BOXES[row]))
        left = overlap(answer["boxes"][best], BOXES[row]) * answer["scores"][best]
        before = [0.75, 0.7][row]
        expected.append(max(0.0, before - left) / before)
        sizes = []
        for shown in (image, picture):
            out = io.BytesIO()
            Image.fromarray(shown).save(out, "WEBP", quality=80, method=4)
            sizes.append(len(out.getvalue()))
        lost.append((sizes[0] - sizes[1]) / sizes[0])
    measured = METRICS["confidence-drop"].measure(one, mask=mask, ties="row-major")
    assert measured.value.tolist() == pytest.approx(expected, abs=1e-6)
    assert 0 < min(expected) < max(expected) < 1
    assert METRICS["information-drop"].measure(one, mask=mask, ties="row-major").value.tolist() == pytest.approx(lost)


def test_information_falls_with_what_is_taken_out_and_may_rise() -> None:
    one, _, image = noisy_case(painted)
    whole = torch.arange(HEIGHT * WIDTH).reshape(1, HEIGHT, WIDTH).expand(2, -1, -1) + 1e6
    noise = case(whole.float(), sample=one.sample)
    drops = [METRICS["information-drop"].measure(noise, share=part, mask="binary") for part in (0.2, 0.6, 1.0)]
    values = [measured.value[0].item() for measured in drops]
    assert 0 < values[0] < values[1] < values[2] < 1
    assert drops[0].extras["bytes"].tolist() == [webp_bytes(image)] * 2
    # Speckles in an even picture are harder to encode than nothing at all.
    plain_picture = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    plain_picture[:, 10:] = 240
    speckles = torch.zeros(2, HEIGHT, WIDTH)
    speckles[:, ::3, ::3] = 1
    value = METRICS["information-drop"].measure(case(speckles, sample=sample(image=plain_picture))).value
    assert (value < 0).all(), "not clipped"


def test_an_evaluation_keeps_the_encoders_version() -> None:
    plan = make_plan(["odam"], ["information-drop", "confidence-drop"], Protocol("all"))
    record = plan.record()["metrics"]
    assert record["information-drop"]["tools"] == {"encoder": webp_encoder()}
    assert webp_encoder().startswith("libwebp ")
    assert record["information-drop"]["settings"]["quality"] == 80
    assert "tools" not in record["confidence-drop"]
    assert to_plain(record, "the record") == record


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="mask of 'confidence-drop' is one of 'map', 'binary'; got 'soft'"):
        drop(ten_of_the_cup(), mask="soft")
    with pytest.raises(ValueError, match="share is that of the image's pixels, 0 to 1; got 20"):
        drop(ten_of_the_cup(), share=20)
    with pytest.raises(ValueError, match="quality is from 0 to 100 and method from 0 to 6, got 101 and 4"):
        drop(ten_of_the_cup(), "information-drop", quality=101)
    with pytest.raises(ValueError, match=r"WebP holds pictures of at most 16383 pixels a side, this one has 16384x1"):
        webp_bytes(np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(ValueError, match=r"mask is \[3, 4\], the photograph \[12, 20\]"):
        masked_image(sample().image, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="confidence-drop queries the detector"):
        METRICS["confidence-drop"].measure(case(ten_of_the_cup()))
