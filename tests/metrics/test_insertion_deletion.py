"""Deletion and insertion: curves worked out by hand, and against asking about one pixel-by-pixel picture after another.

The painted detector's score is the share of an object's box that still has the object's colour. Boxes hold 40 pixels,
so a step of 10% of the box is 4 pixels, a tenth of the score.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, Counting, box_mask, case, detector, falling_in, found, sample
from torch import Tensor

from detxai_nb.metrics import (
    DetectionCache,
    MetricInput,
    PerturbationSchedule,
    box_areas,
    find_metric,
    perturbation_curves,
)

LINE = torch.linspace(1, 0, 11, dtype=torch.float64)
OWN = torch.stack([falling_in(box) for box in BOXES])
"""Each object's map names its own pixels first."""
SWAPPED = OWN.flip(0)
"""Each object's map names the other object's pixels first."""


def ask(name: str, maps: Tensor, **about: Any) -> Any:
    settings = about.pop("settings", {})
    about.setdefault("detector", detector())
    return find_metric(name).measure(case(maps, **about), **settings)


def test_deletion_of_the_object_itself_by_hand() -> None:
    result = ask("deletion-odam", OWN)
    assert torch.allclose(result.curve, LINE.expand(2, 11))
    assert result.value.tolist() == pytest.approx([50, 50])
    assert result.ties.tolist() == [0, 0]
    assert result.value.dtype == torch.float64


def test_insertion_of_the_object_itself_by_hand() -> None:
    result = ask("insertion-odam", OWN)
    assert torch.allclose(result.curve, LINE.flip(0).expand(2, 11))
    assert result.value.tolist() == pytest.approx([50, 50])


def test_a_map_of_the_other_object_leaves_this_one_alone() -> None:
    deletion, insertion = ask("deletion-difference", SWAPPED), ask("insertion-difference", SWAPPED)
    assert deletion.value.tolist() == pytest.approx([100, 100])
    assert deletion.extras["others"].tolist() == pytest.approx([50, 50])
    assert insertion.value.tolist() == pytest.approx([0, 0])
    assert insertion.extras["others"].tolist() == pytest.approx([50, 50])
    others = ask("insertion-difference-others", SWAPPED)
    assert torch.allclose(others.curve, LINE.flip(0).expand(2, 11))
    assert others.extras["target"].tolist() == pytest.approx([0, 0])


def test_scores_below_the_threshold_are_not_seen() -> None:
    result = ask("deletion-odam", OWN, settings={"score_threshold": 0.35})
    assert result.curve[0].tolist() == pytest.approx([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0, 0, 0, 0])


def test_curves_are_over_the_original_score_and_not_clipped() -> None:
    result = ask("deletion-odam", OWN, detections=found(scores=(0.5, 0.0)))
    assert torch.allclose(result.curve[0], 2 * LINE)
    assert result.value[0].item() == pytest.approx(100)
    assert math.isnan(result.value[1]), "an original score of 0 has no share"
    assert result.extras["original"].tolist() == [0.5, 0.0]


def test_the_whole_image_in_fifty_steps_by_hand() -> None:
    # 240 pixels: step k has round(4.8 k); the object's 40 pixels come first, below 5% it is not seen.
    counts = torch.tensor([min(round(k * 4.8), 240) for k in range(51)])
    expected = (1 - counts.double() / 40).clamp(min=0)
    expected[expected < 0.05] = 0
    result = ask("deletion", OWN)
    assert torch.allclose(result.curve, expected.expand(2, 51))
    area = (expected.sum() - 0.5) / 50
    assert result.value.tolist() == pytest.approx([area.item()] * 2)
    assert result.extras["s2"].tolist() == pytest.approx(result.extras["s1"].tolist()), "the boxes stay"


def test_steps_of_the_box_are_those_of_the_other_protocols_with_the_posters_score() -> None:
    for mode, line in (("deletion", LINE), ("insertion", LINE.flip(0))):
        result = ask(mode, OWN, settings={"area": "box", "steps": 10})
        assert torch.allclose(result.curve, line.expand(2, 11))
        assert result.value.tolist() == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match="area of 'deletion' is one of 'image', 'box'; got 'mask'"):
        ask("deletion", OWN, settings={"area": "mask"})


def test_s2_is_s1_times_the_overlap() -> None:
    def shrunk(image: np.ndarray) -> dict[str, Any]:
        return {"boxes": [[1.0, 2.0, 11.0, 5.0]], "scores": [0.8], "labels": [0]}

    about = {"detections": found(BOXES[:1], (0.8,), (0,)), "annotations": (0,), "detector": detector(shrunk)}
    s1, s2 = (ask("insertion", OWN[:1], settings={"score": score}, **about) for score in ("s1", "s2"))
    assert (s1.value.item(), s2.value.item()) == (pytest.approx(0.8), pytest.approx(0.6))
    assert s1.extras["s2"].item() == pytest.approx(0.6)
    far = ask("insertion", OWN[:1], settings={"min_iou": 0.75}, **about)
    assert far.value.item() == 0


def test_an_empty_map_deletes_in_random_order_of_its_seed() -> None:
    empty = torch.zeros(2, HEIGHT, WIDTH)
    one, again, other = (ask("deletion-odam", empty, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.curve, again.curve)
    assert not torch.equal(one.curve, other.curve)
    assert one.ties.tolist() == [1, 1]
    # 40 of 240 pixels are changed, so about a sixth of the object's.
    assert one.curve[:, -1].tolist() == pytest.approx([5 / 6] * 2, abs=0.15)
    rows = ask("deletion-odam", empty, settings={"ties": "row-major"})
    first_forty = torch.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) < 40
    expected = [1 - float((first_forty & torch.from_numpy(box_mask(box))).sum()) / 40 for box in BOXES]
    assert rows.curve[:, -1].tolist() == pytest.approx(expected)


def test_an_object_is_measured_alike_alone_and_among_others() -> None:
    empty = torch.zeros(2, HEIGHT, WIDTH)
    both = ask("deletion-odam", empty)
    alone = ask("deletion-odam", empty[:1], detections=found()[1], annotations=(1,))
    assert torch.equal(both.curve[1], alone.curve[0])
    assert math.isnan(ask("deletion-difference-others", OWN[:1], detections=found()[0], annotations=(0,)).value.item())


def test_signed_maps_go_down_to_their_negative_values() -> None:
    signed = OWN - OWN.amin(dim=(1, 2), keepdim=True) - 100
    result = ask("deletion-difference", signed, signed=True)
    assert torch.equal(result.curve, ask("deletion-difference", OWN).curve)


def test_the_box_without_an_annotation_is_the_detected_one() -> None:
    boxes = [(1.0, 2.0, 11.0, 6.0), (14.0, -5.0, 30.0, 10.0)]
    annotated = sample(boxes=[(0.0, 0.0, 3.0, 4.0), (14.0, -5.0, 30.0, 10.0)])
    assert box_areas(case(OWN, (-1, -1), detections=found(boxes))).tolist() == [40, 60]
    assert box_areas(case(OWN, (0, 1), detections=found(boxes), sample=annotated)).tolist() == [12, 60]


def test_pictures_are_asked_once_for_all_objects_metrics_and_methods() -> None:
    count = Counting()
    black_box = detector(count)
    answers = DetectionCache(black_box)
    first = case(OWN, detector=black_box, answers=answers)
    find_metric("deletion-odam").measure(first)
    assert count.calls == 1 + 2 * 10, "the unchanged picture once"
    find_metric("insertion-odam").measure(first)
    assert count.calls == 21 + 1 + 2 * 10, "the black picture once"
    for name in ("deletion-difference", "deletion-difference-others", "insertion-difference"):
        find_metric(name).measure(first)
    assert count.calls == 42, "the pictures of ODAM's protocol"
    find_metric("insertion").measure(case(OWN, detector=black_box, answers=answers))
    # Step 0 is black; from step 41 on ... the last one is the photograph. Nothing else was seen before.
    assert count.calls <= 42 + 2 * 49
    before = count.calls
    find_metric("insertion").measure(case(SWAPPED.flip(0), detector=black_box, answers=answers))
    assert count.calls == before, "another method with the same map"
    assert answers.queries == count.calls


def wandering(image: np.ndarray) -> dict[str, Any]:
    """Boxes and scores that both depend on the pixels; by each object a decoy of the other class and a looser box."""
    boxes, scores, labels = [], [], []
    for label, (x1, y1, x2, y2) in enumerate(BOXES):
        light = image[box_mask((x1, y1, x2, y2))].astype(float).mean() / 255
        shift = 2 * abs(light - 0.6)
        boxes += [[x1 + shift, y1, x2 + shift, y2], [x1, y1, x2, y2 + shift / 2], [x1, y1, x2 + 3, y2]]
        scores += [0.2 + 0.7 * light, 0.95 - 0.5 * light, 0.9 - 0.6 * light]
        labels += [label, 1 - label, label]
    order = [2, 0, 3, 5, 1, 4] if image[0, 0, 0] > 5 else [1, 3, 4, 0, 2, 5]
    return {"boxes": np.array(boxes)[order], "scores": np.array(scores)[order], "labels": np.array(labels)[order]}


def overlap(a: Any, b: Any) -> float:
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0) * max(down, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow(one: MetricInput, mode: str, by: str, numbers: list[int], place: tuple[int, int, int]) -> tuple[float, float]:
    """What became of one object in one picture: the picture made pixel by pixel, the answer searched by hand."""
    row, step, other = place
    fill = 0
    image = one.sample.image
    pixels = [(-one.maps[row, y, x].item(), y, x) for y in range(HEIGHT) for x in range(WIDTH)]
    picture = image.copy() if mode == "deletion" else np.full_like(image, fill)
    for _, y, x in sorted(pixels)[: numbers[step]]:
        picture[y, x] = fill if mode == "deletion" else image[y, x]
    answer = one.detector.detect([picture], 0.05)[0]
    best = (0.0, 0.0)
    for box, score, label in zip(answer.boxes.tolist(), answer.scores.tolist(), answer.labels.tolist()):
        iou = overlap(box, one.detections.boxes[other].tolist())
        if label == one.detections.labels[other] and iou > 0.5 and (iou > best[1] if by == "iou" else score > best[0]):
            best = (score, iou)
    return best


@pytest.mark.parametrize(("batch_size", "by"), [(1, "score"), (7, "score"), (7, "iou")])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_against_the_naive_loop(mode: str, batch_size: int, by: str) -> None:
    random = torch.Generator().manual_seed(2)
    values = torch.randperm(2 * HEIGHT * WIDTH, generator=random).reshape(2, HEIGHT, WIDTH).float()
    picture = np.random.default_rng(0).integers(60, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    one = case(
        values - 100,
        signed=True,
        sample=sample(image=picture),
        detections=found(scores=(0.7, 0.9)),
        detector=detector(wandering),
    )
    how = PerturbationSchedule(mode, steps=6, every=2, fill="black")
    curves = perturbation_curves(one, how, torch.tensor([130.0, 240.0]), by=by, batch_size=batch_size)
    numbers = [[round(k * area / 6) for k in (0, 2, 4, 6)] for area in (130.0, 240.0)]
    assert curves.counts.tolist() == numbers
    for place in np.ndindex(2, 4, 2):
        expected = slow(one, mode, by, numbers[place[0]], place)
        assert (curves.scores[place].item(), curves.ious[place].item()) == pytest.approx(expected, abs=1e-6)
    assert len(torch.unique(curves.scores)) > 8
    assert torch.equal(curves.target[1], curves.scores[1, :, 1])
    expected = torch.stack([curves.scores[0, :, 1] / 0.9, curves.scores[1, :, 0] / 0.7])
    assert torch.allclose(curves.others(), expected, atol=1e-6)


def loose_and_tight(image: np.ndarray) -> dict[str, Any]:
    """The first object twice: tightly with a low score, more loosely with a high one, IoUs 1 and 0.75."""
    x1, y1, x2, y2 = BOXES[0]
    boxes = [[x1, y1, x2, y2], [x1, y1, x2, y1 + 0.75 * (y2 - y1)]]
    return {"boxes": boxes, "scores": [0.1, 0.8], "labels": [0, 0]}


def test_which_detection_is_followed_is_the_protocols() -> None:
    """The highest score in ODAM's and the difference map's protocol, the highest IoU in the whole image's."""
    about = {"detections": found(BOXES[:1], (0.8,), (0,)), "annotations": (0,), "detector": detector(loose_and_tight)}
    for name in ("deletion-odam", "insertion-odam", "deletion-difference", "insertion-difference"):
        assert ask(name, OWN[:1], **about).value.item() == pytest.approx(100), name
    for name in ("deletion", "insertion"):
        assert ask(name, OWN[:1], **about).value.item() == pytest.approx(0.1), name
        assert ask(name, OWN[:1], **about).extras["s2"].item() == pytest.approx(0.1), name
    assert ask("confidence-drop", OWN[:1], **about).extras["left"].item() == pytest.approx(0.1)


def test_published_insertion_is_the_score_itself_and_deletion_a_share_of_the_original() -> None:
    half = found(scores=(0.5, 0.25))
    published = {"normalize": "published"}
    inserted = ask("insertion-odam", OWN, detections=half, settings=published)
    assert torch.allclose(inserted.curve, LINE.flip(0).expand(2, 11))
    assert inserted.value.tolist() == pytest.approx([50, 50])
    ours = ask("insertion-odam", OWN, detections=half)
    assert ours.value.tolist() == pytest.approx([100, 200])
    deleted = ask("deletion-odam", OWN, detections=half, settings=published)
    assert deleted.value.tolist() == pytest.approx([100, 200])
    assert torch.equal(deleted.curve, ask("deletion-odam", OWN, detections=half).curve)


def test_published_overlap_is_that_with_the_annotated_box() -> None:
    x1, y1, x2, y2 = BOXES[0]
    loose = (x1, y1, x2, y1 + 2 * (y2 - y1))

    def seen(image: np.ndarray) -> dict[str, Any]:
        return {"boxes": [list(loose)], "scores": [0.7], "labels": [0]}

    about = {"detections": found([loose], (0.7,), (0,)), "annotations": (0,), "detector": detector(seen)}
    assert ask("deletion-odam", OWN[:1], **about).value.item() == pytest.approx(100)
    published = ask("deletion-odam", OWN[:1], settings={"normalize": "published"}, **about)
    assert published.value.item() == 0, "an IoU of just 0.5 with the annotated box is not above it"
    unknown = {**about, "annotations": (-1,)}
    assert ask("deletion-odam", OWN[:1], settings={"normalize": "published"}, **unknown).value.item() == (
        pytest.approx(100)
    ), "without an annotation the detected box"


def test_published_pixels_are_those_of_the_networks_input() -> None:
    """A detector that scales pictures to twice their size is handed pictures of that size, half of it black."""
    sizes, shares = [], []

    class Doubling:
        names, device = ("cup", "pan"), torch.device("cpu")
        layers = ("one",)

        def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
            sizes.extend(image.shape[:2] for image in images)
            shares.extend(float((image != 0).any(axis=2).mean()) for image in images)
            factor = images[0].shape[1] / WIDTH
            return [found([tuple(factor * x for x in BOXES[0])], (0.5,), (0,))] * len(images)

        def trace(self, image: Any, layer: Any = None) -> Any:
            return SimpleNamespace(placement=SimpleNamespace(resized=(2 * HEIGHT, 2 * WIDTH)))

    about = {"detections": found(BOXES[:1], (0.5,), (0,)), "annotations": (0,), "detector": Doubling()}
    result = ask("insertion-odam", OWN[:1], settings={"normalize": "published"}, **about)
    assert set(sizes) == {(2 * HEIGHT, 2 * WIDTH)}
    assert max(shares) == pytest.approx(4 * 40 / (4 * HEIGHT * WIDTH), abs=1e-3), "the box's area, in input pixels"
    assert result.value.item() == pytest.approx(50)


def test_nothing_to_measure() -> None:
    none = case(OWN[:0], (), detections=found([], [], []), detector=detector())
    result = find_metric("deletion-difference").measure(none)
    assert result.value.shape == (0,)
    assert result.curve.shape == (0, 11)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="areas are one number of pixels for each of the 2 objects"):
        perturbation_curves(case(OWN, detector=detector()), PerturbationSchedule(), torch.ones(3))
    with pytest.raises(ValueError, match="deletion-odam queries the detector"):
        find_metric("deletion-odam").measure(case(OWN))
