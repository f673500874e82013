"""The rows of one image: its objects, their maps by every method, and every metric of each map."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import isnan, nan
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.data.foreign import as_id
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.plan import RANDOM, EvaluationPlan, MapRun, MethodRow
from detxai_nb.evaluation.rows import COLUMNS, ImageRows, Record
from detxai_nb.evaluation.selection import Selected, select
from detxai_nb.explaining.explain import compare
from detxai_nb.heatmaps import NO_POSITIVE_EVIDENCE, NOT_FINITE, OK, UNDERFLOW, UNDERFLOWED, HeatMaps
from detxai_nb.methods import find_method
from detxai_nb.metrics.baselines import centred_gaussians, random_maps
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import DetectionCache
from detxai_nb.metrics.registry import find_metric
from detxai_nb.types import Detector

BATCH = 2**28
"""So many bytes of maps of an image are measured together."""

Figures = Mapping[str, Sequence[float]]
ValuesOf = Callable[[Sequence[int]], Tensor]


def measure_image(plan: EvaluationPlan, detector: Detector, sample: Sample, number: int) -> ImageRows:
    """Measure one image: its record, and its rows by falling score within method and metric.

    They depend neither on the images before nor on where they are computed.

    Args:
        plan: methods, metrics, protocol and seed.
        detector: the detector.
        sample: the image with its annotations.
        number: the image's number in the dataset.

    Returns:
        The record and the rows.

    Raises:
        Exception: whatever a method or metric raises, with a note that names the image.
    """
    try:
        return _measure_image(plan, detector, sample, number)
    except Exception as error:
        error.add_note(f"this happened while image {number} of the dataset, {sample.file_name}, was measured")
        raise


def _measure_image(plan: EvaluationPlan, detector: Detector, sample: Sample, number: int) -> ImageRows:
    found = detector.detect([sample.image], score_threshold=plan.protocol.score)[0]
    selected = select(found, sample, plan.protocol)
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    if len(selected.detections):
        objects = _objects(selected, sample, number)
        # Shared by all methods and metrics, so that the detector runs only once on each perturbed image.
        cache = DetectionCache(detector, fast=plan.fast)
        count = len(selected.detections)
        for row, values_of, signed, diagnostics in _maps(plan, detector, sample, selected):
            figures, parts = _cells(diagnostics, count), []
            lost = diagnostics.get(UNDERFLOWED, (0.0,) * count)
            for rows in _batches(count, sample):
                maps = values_of(rows)
                about = {
                    **{name: [cells[one] for one in rows] for name, cells in objects.items()},
                    "method": [row.name] * len(rows),
                    "map": _status(maps, [lost[one] for one in rows]),
                    "map_figures": [figures[one] for one in rows],
                }
                case = MetricInput(
                    maps=torch.where(torch.isfinite(maps).all(2).all(1)[:, None, None], maps, 0),
                    detections=selected.detections[rows],
                    annotations=selected.annotations[rows],
                    sample=sample,
                    detector=detector,
                    seed=plan.seed,
                    signed=signed,
                    answers=cache,
                )
                parts.append(_measure(plan, case, about))
            # By metric, then by object.
            for together in zip(*parts):
                for name, column in columns.items():
                    column.extend(cell for cells in together for cell in cells[name])
    record = Record(
        image=number,
        image_id=as_id(sample.image_id, "the image's id"),
        file_name=sample.file_name,
        annotations=len(sample),
        objects=len(selected.detections),
        left_out=dict(selected.left_out),
        unknown=selected.unknown,
    )
    return ImageRows(record, columns)


def image_seed(seed: int, image_id: int | str) -> int:
    """Return the seed of a method's random numbers in one image, the same on every platform.

    Args:
        seed: of the evaluation.
        image_id: the dataset's id of the image.

    Returns:
        A whole number of 31 bits.
    """
    about = repr([int(seed), as_id(image_id, "the image's id")])
    digest = hashlib.blake2b(about.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 33


def _objects(selected: Selected, sample: Sample, number: int) -> dict[str, list[Any]]:
    """The columns that say which object a row is about, one value for each object."""
    boxes = selected.detections.boxes.double().cpu()
    annotated = torch.from_numpy(sample.boxes).double()[selected.annotations]
    count = len(boxes)
    return {
        "image": [number] * count,
        "image_id": [as_id(sample.image_id, "the image's id")] * count,
        "file_name": [sample.file_name] * count,
        "annotation": selected.annotations.tolist(),
        "label": selected.detections.label_names(),
        "score": selected.detections.scores.double().tolist(),
        "iou": box_iou(boxes, annotated).diagonal().tolist(),
        **dict(zip(("x1", "y1", "x2", "y2"), boxes.T.tolist())),
    }


def _batches(count: int, sample: Sample) -> Iterator[list[int]]:
    """The objects, as many at a time as have maps of ``BATCH`` bytes together."""
    height, width = sample.image.shape[:2]
    step = max(1, BATCH // (4 * height * width))
    return (list(range(first, min(first + step, count))) for first in range(0, count, step))


def _maps(
    plan: EvaluationPlan, detector: Detector, sample: Sample, selected: Selected
) -> Iterator[tuple[MethodRow, ValuesOf, bool, Figures]]:
    """For each method of the table what gives some of its raw maps ``[K,H,W]``, whether signed, and diagnostics."""
    made = _run_methods(plan, detector, sample, selected)
    for row in plan.methods:
        if row.run is None:
            yield row, partial(_control, row.name, plan, sample, selected), False, {}
            continue
        maps = next(maps for run, maps in made if run.same_maps(row.run))
        if row.difference:
            yield row, partial(_differences, maps), True, {}
            continue
        yield row, maps.values_of, maps.signed, maps.diagnostics


def _differences(maps: HeatMaps, rows: Sequence[int]) -> Tensor:
    return maps.difference(rows).values


def _run_methods(
    plan: EvaluationPlan, detector: Detector, sample: Sample, selected: Selected
) -> list[tuple[MapRun, HeatMaps]]:
    """The maps of every different run; runs with the same layer and target share one forward pass."""
    waiting: list[MapRun] = []
    for row in plan.methods:
        if row.run is not None and not any(row.run.same_maps(run) for run in waiting):
            waiting.append(row.run)
    made: list[tuple[MapRun, HeatMaps]] = []
    while waiting:
        together = _sharing_a_pass(waiting)
        waiting = [run for run in waiting if run not in together]
        names = [find_method(run.method).name for run in together]
        settings = {name: _settings(run, plan, sample) for name, run in zip(names, together)}
        found = compare(
            detector,
            sample.image,
            selected.detections,
            methods=[run.method for run in together],
            target=together[0].target,
            layer=together[0].layer,
            settings=settings,
        )
        made += [(run, found[name]) for run, name in zip(together, names)]
    return made


def _sharing_a_pass(waiting: Sequence[MapRun]) -> list[MapRun]:
    """The first run and those that can share its forward pass: same target and layer, each method once."""
    chosen: dict[str, MapRun] = {}
    for run in waiting:
        if (run.target, run.layer) == (waiting[0].target, waiting[0].layer):
            chosen.setdefault(find_method(run.method).name, run)
    return list(chosen.values())


def _settings(run: MapRun, plan: EvaluationPlan, sample: Sample) -> dict[str, Any]:
    seed = {"seed": image_seed(plan.seed, sample.image_id)} if run.seeded else {}
    return {**run.settings, **seed}


def _control(name: str, plan: EvaluationPlan, sample: Sample, selected: Selected, rows: Sequence[int]) -> Tensor:
    """A control's maps on the detector's device: random ones seeded per object, or Gaussians in the detected boxes."""
    height, width = sample.image.shape[:2]
    boxes = selected.detections.boxes[list(rows)]
    if name != RANDOM:
        return centred_gaussians(boxes, height, width)
    numbers = selected.annotations[list(rows)].tolist()
    seeds = (image_seed(image_seed(plan.seed, sample.image_id), number) for number in numbers)
    return torch.cat([random_maps(1, height, width, seed) for seed in seeds]).to(boxes.device)


def _status(maps: Tensor, lost: Sequence[float]) -> list[str]:
    finite, positive = torch.isfinite(maps).all(2).all(1).tolist(), (maps > 0).any(2).any(1).tolist()
    return [
        NOT_FINITE if not f else OK if p else UNDERFLOW if u else NO_POSITIVE_EVIDENCE
        for f, p, u in zip(finite, positive, lost)
    ]


def _measure(plan: EvaluationPlan, case: MetricInput, about: Mapping[str, list[Any]]) -> list[dict[str, list[Any]]]:
    """The rows of one method for each metric; ``about`` holds the cells that do not depend on the metric.

    Metrics that do not take signed maps get the positive part.
    """
    positive = case.positive_part() if case.signed else case
    count, found = len(case), []
    for row in plan.metrics:
        metric = find_metric(row.metric)
        measured = metric.measure(case if metric.signed else positive, **row.settings)
        values = zip(measured.value.double().tolist(), about["map"])
        cells: dict[str, list[Any]] = {
            **about,
            "metric": [row.name] * count,
            "value": [nan if state in (NOT_FINITE, UNDERFLOW) else value for value, state in values],
            "ties": [nan] * count if measured.ties is None else measured.ties.double().tolist(),
            "curve": [None] * count if measured.curve is None else measured.curve.double().tolist(),
            "extras": _cells({name: value.double().tolist() for name, value in measured.extras.items()}, count),
        }
        found.append(cells)
    return found


def _cells(figures: Figures, count: int) -> list[dict[str, float | None] | None]:
    """Each object's further figures, None for an undefined one; None for every object if there are no figures."""
    if not figures:
        return [None] * count
    return [{n: None if isnan(v[row]) else float(v[row]) for n, v in figures.items()} for row in range(count)]
