"""evaluate: a table of methods and metrics over a dataset, resumable, on one machine or many."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from detxai_nb._version import __version__
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.fingerprint import dataset_identity, detector_identity
from detxai_nb.evaluation.image_rows import measure_image
from detxai_nb.evaluation.parallel import WorkerState, map_images
from detxai_nb.evaluation.plan import EvaluationPlan, MethodLike, Settings, make_plan
from detxai_nb.evaluation.rows import ImageRows, Record, summarize, to_frame
from detxai_nb.evaluation.selection import Protocol, find_protocol, shared_classes
from detxai_nb.evaluation.store import FolderStore, MemoryStore, open_store, read_store
from detxai_nb.metrics.registry import Metric, find_metric
from detxai_nb.types import Detector, Progress

if TYPE_CHECKING:
    import pandas

ATTRIBUTE = "evaluation"
"""Under this name ``DataFrame.attrs`` says how the table was made and what was left out."""

Store = MemoryStore | FolderStore


def evaluate(
    detector: Detector | Callable[[], Detector],
    dataset: Sequence[Sample],
    methods: Sequence[MethodLike],
    metrics: Sequence[str | Metric],
    *,
    store: str | os.PathLike[str] | None = None,
    protocol: str | Protocol = "default",
    seed: int = 0,
    limit: int | None = None,
    method_settings: Settings | None = None,
    metric_settings: Settings | None = None,
    controls: bool = True,
    strict: bool = False,
    executor: Executor | None = None,
    progress: bool | Progress = True,
) -> pandas.DataFrame:
    """Every metric of every method for every selected object of a dataset: one row for each.

    ``detector``: a detector, or a function without arguments that makes one, such as ``functools.partial(load_detector,
    "yolox-nano", weights=...)``. ``dataset``: Samples (CocoDataset, VocDataset, CrowdHuman, Scenes, a list).

    ``methods``: names; "difference:odam" is the difference map (``HeatMaps.difference``) of odam's maps over the
    selected objects of the image, with the settings of odam. ``method_settings`` holds by name what ``explain`` takes
    as keyword arguments, "target" and "layer" among them. To run one method twice, give it a name of your own and say
    what it is: ``methods=["odam", "box"], method_settings={"box": {"method": "odam", "smooth": "box"}}``.
    ``metrics`` and ``metric_settings`` likewise, with "metric" for what it is. The methods "control: random" (even
    random values) and "control: Gaussian" (in the detected box) are added, unless ``controls`` is False.

    ``protocol``: which objects are measured, a name of ``PROTOCOLS`` or a ``Protocol``. ``seed``: of everything random;
    each object's own seed follows from it, the image's id and the annotation, a method's from it and the image's id, so
    no result depends on the order or on the executor. ``limit``: only the first so many images.

    ``store``: a folder for the rows, written image by image. The same call goes on after an interruption of any kind
    and ends with the same table; a call with other settings, detector, dataset or version is refused. Images that could
    not be read are tried again then, and ``limit`` may be raised. Needs the extra "evaluation". Without it the rows are
    kept in memory.

    ``executor``: any ``concurrent.futures`` executor, also a Dask ``Client.get_executor()``, for the images. Each of
    its threads works with its own copy of the detector; hand in a function to have each make its own, on its own
    device. The images are read here and sent. Results are the same as far as the workers' arithmetic is.

    An image that cannot be read (or its masks, where a metric needs them) is reported and left out; ``strict``: it ends
    the evaluation. ``progress``: True draws a bar, a function is called as ``progress(done, total)`` after each image.

    Returns a table sorted by image, method, metric and falling score, with the columns ``image`` (its number in the
    dataset), ``image_id``, ``file_name``, ``annotation`` (its number in the sample), ``label``, ``score``, ``iou``,
    ``x1`` to ``y2`` (the detected box, pixels of the image), ``method``, ``map`` ("ok", "no positive evidence" for a
    map without a positive value, "not finite"; the values of the latter are NaN), ``map_figures`` (what the method says
    about the map, such as d-rise's agreement of two halves of its masks), ``metric``, ``value`` (NaN where the
    metric is undefined), ``ties`` (share of tied pixels), ``curve`` and ``extras`` (the metric's further figures).
    Metrics that take no signed maps measure the positive part of signed ones.
    ``attrs["evaluation"]`` holds the settings and how many objects and images were left out, and why.

    Raises ``ValueError`` or ``TypeError`` for arguments that do not fit, before anything is computed; ``ValueError``
    where no image can be read; ``OSError`` where the store cannot be written (what was kept stays).
    """
    chosen = find_protocol(protocol)
    plan = make_plan(
        methods,
        metrics,
        chosen,
        seed=seed,
        method_settings=method_settings,
        metric_settings=metric_settings,
        controls=controls,
    )
    count = _check(dataset, plan, limit)
    # A class makes detectors, though it has a function "detect" too.
    make = detector if isinstance(detector, type) or not hasattr(detector, "detect") else None
    first: Any = make() if callable(make) else detector
    if not (hasattr(first, "detect") and hasattr(first, "names")):
        raise TypeError(f"detector is a detector, or a function that makes one; got {type(first).__name__}")
    _warn_of_unknown(dataset, first)
    settings = describe(plan, first, dataset)
    kept: Store = MemoryStore() if store is None else open_store(store, settings)
    try:
        todo = [n for n in range(count) if n not in kept.records or kept.records[n].error is not None]
        with _reporting(progress, count, count - len(todo)) as report:
            samples = _read(dataset, todo, plan, kept, strict, report)
            shared = WorkerState(plan, first, make if callable(make) else None)
            for part in _measured(samples, plan, first, executor, shared):
                kept.add(part)
                report(1)
        return _table(settings, [kept.records[number] for number in range(count)], kept.columns)
    finally:
        kept.close()


def read_evaluation(store: str | os.PathLike[str]) -> pandas.DataFrame:
    """The table of the evaluation in the folder ``store``, as ``evaluate`` returns it, also of one that still runs."""
    settings, records, columns = read_store(store)
    return _table(settings, records, lambda images: columns)


def describe(plan: EvaluationPlan, detector: Any, dataset: Sequence[Sample]) -> dict[str, Any]:
    """Everything that decides the result, as plain values."""
    return {
        "version": __version__,
        "detector": detector_identity(detector),
        "dataset": dataset_identity(dataset),
        **plan.record(),
    }


def _check(dataset: Sequence[Sample], plan: EvaluationPlan, limit: int | None) -> int:
    """How many images there are to measure."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is a number of images, 1 or more, or None for all; got {limit!r}")
    if not len(dataset):
        raise ValueError("the dataset has no images")
    if plan.needs("mask") and not getattr(dataset, "has_masks", True):
        names = ", ".join(row.name for row in plan.metrics if "mask" in find_metric(row.metric).needs)
        raise ValueError(f"{names}: these metrics need instance masks, and this dataset has none; leave them out")
    return len(dataset) if limit is None else min(limit, len(dataset))


def _warn_of_unknown(dataset: Sequence[Sample], detector: Any) -> None:
    listed = isinstance(dataset, (list, tuple))
    names = {n: None for sample in dataset for n in sample.names} if listed else getattr(dataset, "names", ())
    missing = shared_classes(tuple(names), tuple(detector.names))
    if missing:
        warnings.warn(
            f"the detector does not know these classes of the dataset: {', '.join(missing)}; their annotations are "
            "left out and counted",
            UserWarning,
            stacklevel=3,
        )


def _read(
    dataset: Sequence[Sample],
    todo: Sequence[int],
    plan: EvaluationPlan,
    kept: Store,
    strict: bool,
    report: Callable[[int], Any],
) -> Iterator[tuple[int, Sample]]:
    """The images that can be read; the others are put on record."""
    for number in todo:
        try:
            sample = dataset[number]
            # Read on first use elsewhere: what is wrong with them belongs to the image, not to a metric.
            _ = (plan.needs("mask") and sample.masks, plan.needs("part") and sample.parts)
        except (ValueError, OSError) as error:
            if strict:
                error.add_note(f"this was image {number} of the dataset; strict=False leaves it out and goes on")
                raise
            kept.add(ImageRows(Record(number, error=f"{type(error).__name__}: {error}")))
            report(1)
            continue
        yield number, sample


def _measured(
    samples: Iterator[tuple[int, Sample]],
    plan: EvaluationPlan,
    detector: Detector,
    executor: Executor | None,
    shared: WorkerState,
) -> Iterator[ImageRows]:
    """The rows of each image: in order here, or as the executor finishes them."""
    if executor is not None:
        yield from map_images(executor, shared, samples)
        return
    for number, sample in samples:
        yield measure_image(plan, detector, sample, number)


def _table(
    settings: dict[str, Any], records: Sequence[Record], columns: Callable[[Sequence[int]], Any]
) -> pandas.DataFrame:
    unread = [record for record in records if record.error is not None]
    if unread and len(unread) == len(records):
        raise ValueError(f"none of the {len(records)} images could be read; the first: {unread[0].error}")
    frame = to_frame(columns([record.image for record in records]))
    frame.attrs[ATTRIBUTE] = summarize(settings, records)
    return frame


@contextmanager
def _reporting(progress: bool | Progress, total: int, done: int) -> Iterator[Callable[[int], Any]]:
    """What counts finished images: a bar, the caller's function, or nothing."""
    if progress is True:
        from tqdm.auto import tqdm

        with tqdm(total=total, initial=done, desc="evaluate", unit="image") as bar:
            yield bar.update
        return
    count = done

    def report(more: int) -> None:
        nonlocal count
        count += more
        if callable(progress):
            progress(count, total)

    yield report
