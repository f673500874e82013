"""The NmsExplorer on a plain page: it decides as Python does, at once and without a message, and says why."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_page import PlainPage, stub

import detxai_nb as dx
from detxai_nb.types import Detections
from detxai_nb.widgets.nms_explorer_view import distances, pairs_of

pytestmark = pytest.mark.browser

RULES = Path(__file__).parents[2] / "widgets/src/nms_explorer/rules.js"
CASES = max(120, int(os.environ.get("DETXAI_NB_FUZZ", "0")))
SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""
DECIDE = """async cases => {
  const { decide, overlaps, squareOf } = await import("/rules.js");
  const floats = text => Float32Array.from(Uint8Array.from(atob(text), c => c.charCodeAt(0)).length
    ? new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer) : []);
  return cases.map(({ boxes, scores, labels, correlation, distance, settings }) => {
    const count = scores.length, given = Float32Array.from(boxes.flat());
    const square = (text, same) => squareOf(new DataView(floats(text).buffer), count, same);
    const problem = { count, boxes: given, scores: Float32Array.from(scores), labels, iou: overlaps(given),
      correlation: square(correlation, 1), distance: square(distance, 0) };
    const { kept, scores: after } = decide(problem, settings);
    return [kept, kept.map(i => after[i])];
  });
}"""
AFTER_A_FRAME = """async ([label, value]) => {
  const root = document.querySelector("#widget > .dx-root");
  const named = [...root.querySelectorAll("label")].find(one => one.textContent === label);
  const input = document.getElementById(named.htmlFor);
  input.value = value;
  const begun = performance.now();
  input.dispatchEvent(new Event("input"));
  await new Promise(requestAnimationFrame);
  return [root.dataset.numbers, performance.now() - begun];
}"""


class Many(stub.StubDetector):
    """Has many predictions of two classes before suppression, in heaps."""

    def __init__(self, count: int) -> None:
        super().__init__()
        random = np.random.default_rng(7)
        middles = random.uniform((20, 20), (180, 100), (12, 2))[random.integers(0, 12, count)]
        half = random.uniform(8, 18, (count, 1)) * np.array([[1.0, 1.0]]) + random.uniform(-2, 2, (count, 2))
        corners = np.concatenate([middles - half, middles + half], axis=1) + random.uniform(-3, 3, (count, 4))
        corners = corners.clip(0, [200, 120, 200, 120])
        self._found = [
            torch.tensor(corners, dtype=torch.float32),
            torch.tensor(np.sort(random.uniform(0.1, 0.99, count))[::-1].copy(), dtype=torch.float32),
            torch.tensor(np.where(random.random(count) < 0.8, 0, 2)),
        ]

    def candidates(self, trace: Any, score_threshold: float = 0.05) -> Detections:
        keep = self._found[1] >= score_threshold
        boxes, scores, labels = (one[keep] for one in self._found)
        rest: Any = {"highest_score": 0.99, "score_threshold": score_threshold, "image_size": stub.SIZE}
        return Detections(boxes, scores, labels, self.names, **rest)


def truth(detector: Many) -> dx.data.Sample:
    """Some of the predictions are annotated."""
    boxes = detector.candidates(None).boxes[[0, 5, 9, 20, 33]].numpy()
    labels = detector.candidates(None).labels[[0, 5, 9, 20, 33]].numpy()
    crowd = np.zeros(5, bool)
    return dx.data.Sample(
        stub.photograph(), boxes, labels, crowd, 1, "1.png", stub.NAMES, lambda: np.zeros((5, *stub.SIZE), bool)
    )


@pytest.fixture
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, 1124, 1000, reduced_motion="reduce")
    yield page
    page.close()


def problem(random: np.random.Generator) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """A case whose IoUs, cosines and distances are often just a threshold; as JSON, and as Python takes it."""
    count = int(random.integers(0, 30))
    low = random.integers(0, 6, (count, 2)) * 4
    boxes = torch.tensor(
        np.concatenate([low, low + random.integers(0, 5, (count, 2)) * 4], axis=1), dtype=torch.float32
    )
    if random.random() < 0.5:
        boxes = boxes + torch.tensor(random.uniform(0, 1, (count, 1)), dtype=torch.float32)
    scores = torch.tensor(random.choice([0.2, 0.3, 0.5, 0.7, 0.9, 1.0], count), dtype=torch.float32)
    labels = torch.tensor(random.integers(0, 2, count))
    # 1, 4 or 16 ones of 16: unit vectors of 1, 1/2 and 1/4, whose cosines no order of summation rounds.
    ones = random.choice([0, 1, 4, 16], count)
    vectors = torch.tensor(
        np.stack([random.permutation(16) < one for one in ones]) if count else np.zeros((0, 16)), dtype=torch.float32
    )
    share = [0, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.6, 0.75, 0.8, 1]
    (t_low, t_high), (low_iou, high_iou) = (sorted(random.choice(share, 2).tolist()) for _ in "ab")
    settings = {
        "rule": str(random.choice(["nms", "soft-nms", "feature-nms", "odam-nms"])),
        "score_threshold": float(random.choice([0, 0.3, 0.7])),
        "iou_threshold": float(random.choice(share)),
        "decay": str(random.choice(["gaussian", "linear"])),
        "sigma": float(random.choice([0.1, 0.5, 1.3])),
        "final_score": float(random.choice([0, 0.05, 0.3, 0.5])),
        "distance": float(random.choice([1, 2, 3, 0.3])),
        "t_low": t_low,
        "t_high": t_high,
        "low_iou": low_iou,
        "high_iou": high_iou,
    }
    tensors = {"boxes": boxes, "scores": scores, "labels": labels, "vectors": vectors}
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1)
    sent = {"correlation": unit @ unit.T, "distance": distances(vectors)}
    said = {name: tensors[name].tolist() for name in ("boxes", "scores", "labels")}
    return {**said, **{k: _text(pairs_of(v)) for k, v in sent.items()}, "settings": settings}, tensors


def _text(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def right(settings: dict[str, Any], given: dict[str, torch.Tensor]) -> tuple[list[int], list[float]]:
    rules: dict[str, Any] = {
        "nms": dx.nms.GreedyNms(settings["iou_threshold"]),
        "soft-nms": dx.nms.SoftNms(*(settings[k] for k in ("decay", "sigma", "iou_threshold", "final_score"))),
        "feature-nms": dx.nms.FeatureNms(*(settings[k] for k in ("low_iou", "high_iou", "distance"))),
        "odam-nms": dx.nms.OdamNms(*(settings[k] for k in ("iou_threshold", "t_low", "t_high"))),
    }
    rule = rules[settings["rule"]]
    rows = (given["scores"] >= settings["score_threshold"]).nonzero()[:, 0]
    vectors = given["vectors"][rows] if rule.vectors_of else None
    kept = rule(given["boxes"][rows], given["scores"][rows], given["labels"][rows], None, vectors)
    return rows[kept.rows].tolist(), kept.scores.tolist()


def test_the_browser_decides_as_python_does_ties_included(opened: PlainPage) -> None:
    opened.page.route(
        "**/rules.js",
        lambda route: route.fulfill(body=RULES.read_text(encoding="utf-8"), content_type="text/javascript"),
    )
    random = np.random.default_rng(20)
    cases = [problem(random) for _ in range(CASES)]
    answers = opened.page.evaluate(DECIDE, [case for case, _ in cases])
    for (case, given), (kept, scores) in zip(cases, answers):
        settings = case["settings"]
        rows, after = right(settings, given)
        if settings["rule"] == "soft-nms" and settings["decay"] == "gaussian":
            # The exponential is rounded as each of them does it: what lies beside the threshold by a hair is left open.
            one, other = dict(zip(kept, scores)), dict(zip(rows, after))
            assert all(abs(one[i] - other[i]) < 1e-6 for i in one.keys() & other.keys())
            open_ones = [
                abs(score - settings["final_score"])
                for i, score in {**one, **other}.items()
                if (i in one) != (i in other)
            ]
            assert all(far < 1e-6 for far in open_ones)
        else:
            assert (kept, scores) == (rows, after), settings


def test_500_boxes_follow_a_threshold_within_a_frame_and_without_a_message(opened: PlainPage) -> None:
    detector = Many(500)
    widget = dx.widgets.NmsExplorer(detector, stub.photograph(), sample=truth(detector), score_threshold=0.1)
    assert widget.wait(60)
    root = opened.show(widget)
    assert len(widget.detections) == 500
    for rule in ("odam-nms", "soft-nms", "nms"):
        opened.set(rule=rule)
        for label, trait, value in (
            ("IoU", "iou_threshold", 0.3),
            ("IoU", "iou_threshold", 0.62),
            ("Min. score", "score_threshold", 0.4),
        ):
            if rule == "soft-nms" and label == "IoU":
                label, trait = "Sigma", "sigma"
            numbers, took = opened.page.evaluate(AFTER_A_FRAME, [label, str(value)])
            print(f"{rule} {label} {value}: {took:.1f} ms")
            saved, sent = opened.page.evaluate("() => [shown.widget.saved, shown.widget.sent]")
            assert (saved, sent) == ([], [])
            # Python is told here only, to say what is right.
            before = getattr(widget, trait)
            setattr(widget, trait, value)
            kept = widget.kept
            at = {tuple(box): i for i, box in enumerate(widget.detections.boxes.tolist())}
            assert [int(one) for one in numbers.split(",")] == [at[tuple(box)] for box in kept.boxes.tolist()]
            counts = [widget.counts[name] for name in ("found", "lost", "suppressed", "double", "elsewhere")]
            assert root.get_attribute("data-counts") == ",".join(map(str, counts))
            opened.set(**{trait: before})
    opened.page.evaluate(
        """() => { const label = [...document.querySelectorAll("label")].find(one => one.textContent === "IoU");
            const input = document.getElementById(label.htmlFor);
            input.value = 0.7;
            input.dispatchEvent(new Event("change")); }"""
    )
    opened.until(lambda: widget.iou_threshold == 0.7, "Python is told at the end")
    assert opened.page.evaluate("() => shown.widget.saved") == [{"iou_threshold": 0.7}]
    assert opened.errors == []


def test_a_pair_is_explained_and_thresholds_are_dragged(opened: PlainPage) -> None:
    detector = Many(60)
    widget = dx.widgets.NmsExplorer(detector, stub.photograph(), sample=truth(detector))
    assert widget.wait(60)
    root = opened.show(widget)
    why, canvas = root.locator(".dx-why"), root.locator("canvas.dx-plane")
    kept = [int(one) for one in root.get_attribute("data-numbers").split(",")]
    removed = next(i for i in range(60) if i not in kept and widget.detections.labels[i] == 2)
    opened.set(selected=removed)
    opened.until(lambda: why.is_visible(), "the pair is there")
    words = why.inner_text()
    assert words.startswith(f"#{removed} <b>tin</b> is removed because of #")
    assert "and the correlation" in words
    assert root.locator("b").count() == 0
    assert root.locator(".dx-pair-map").count() == 2
    # The smallest box of all is the one under the pointer in its middle: the selected one is compared with it then.
    photo, boxes = (
        root.locator("canvas.dx-canvas").bounding_box(),
        widget.detections.boxes[widget.detections.scores >= 0.3],
    )
    small = int((boxes[:, 2:] - boxes[:, :2]).prod(dim=1).argmin())
    across, down = (((boxes[small, i] + boxes[small, i + 2]) / 2).item() for i in range(2))
    ring = root.locator(".dx-plane-box .dx-ring")
    there = ring.get_attribute("style")
    opened.page.mouse.move(photo["x"] + across * photo["width"] / 200, photo["y"] + down * photo["height"] / 120)
    opened.until(lambda: f"#{small} " in why.inner_text() and f"#{removed} " in why.inner_text(), "both are compared")
    if widget.detections.labels[small] != widget.detections.labels[removed]:
        assert "of different classes, which are never compared" in why.inner_text()
    assert ring.get_attribute("style") != there
    opened.page.mouse.move(1, 1)
    opened.until(lambda: why.inner_text() == words, "it is compared with what decided again")
    # Keys choose what it is compared with; another selection is compared with what decided again.
    root.locator("canvas.dx-canvas").press(".")
    opened.until(lambda: widget.partner is not None, "another one is compared")
    root.locator("canvas.dx-canvas").press("ArrowRight")
    opened.until(lambda: widget.partner is None and widget.selected != removed, "the next one is selected")
    # The line of T_low, at a quarter of the way from the IoU's line to the right, is dragged upwards.
    box = canvas.bounding_box()
    left, right_, top, bottom = (
        box["x"] + 38,
        box["x"] + box["width"] - 10,
        box["y"] + 26,
        box["y"] + box["height"] - 34,
    )
    x = left + 0.6 * (right_ - left)
    opened.page.mouse.move(x, bottom - 0.2 * (bottom - top))
    opened.page.mouse.down()
    opened.page.mouse.move(x, bottom - 0.45 * (bottom - top), steps=3)
    opened.page.wait_for_timeout(60)
    assert widget.t_low == 0.2
    # It stops at T_high.
    opened.page.mouse.move(x, top - 5, steps=2)
    opened.page.wait_for_timeout(60)
    opened.page.mouse.up()
    opened.until(lambda: widget.t_low == widget.t_high == 0.8, "the line was let go at the other one")
    canvas.press("ArrowRight")
    first = why.inner_text()
    assert " is removed because of " in first
    canvas.press("Enter")
    opened.until(lambda: widget.selected is not None and f"#{widget.selected} " in first, "the pair is selected")
    with opened.page.expect_download() as waiting:
        root.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
    now = {int(one) for one in root.get_attribute("data-numbers").split(",")}
    assert {int(row["number"]) for row in rows if row["fate"] == "kept"} == now
    with opened.page.expect_download() as waiting:
        root.get_by_role("button", name="PNG").click()
    assert waiting.value.path().read_bytes()[1:4] == b"PNG"
    assert opened.errors == []


@pytest.mark.parametrize("width", [252, 1100])
def test_it_fits_a_narrow_and_a_wide_page_light_and_dark(browser: Any, width: int) -> None:
    opened = PlainPage(browser, width + 24, 1000, reduced_motion="reduce")
    try:
        detector = Many(60)
        widget = dx.widgets.NmsExplorer(detector, stub.photograph(), sample=truth(detector), rule="odam-nms")
        root = opened.show(widget)
        opened.set(selected=3)
        assert root.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
        takers = root.locator("button, select, input, [tabindex]")
        assert takers.evaluate_all("all => all.filter(e => !e.dataset.lmSuppressShortcuts).length") == 0
        for theme, color in (("light", "#fff"), ("dark", "#111")):
            script = (
                "([light, c]) => { document.body.dataset.jpThemeLight = light; document.body.style.background = c; }"
            )
            opened.page.evaluate(script, [str(theme == "light").lower(), color])
            opened.page.wait_for_timeout(150)
            if SHOTS:
                root.screenshot(path=str(Path(SHOTS) / f"nms-{width}-{theme}.png"))
        assert opened.errors == []
    finally:
        opened.close()
