"""evaluate: a table of methods and metrics over a dataset, resumable, on one machine or many."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from detxai_nb._version import __version__
from detxai_nb.data.foreign import as_id
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.fingerprint import dataset_identity, detector_identity
from detxai_nb.evaluation.image_rows import measure_image
from detxai_nb.evaluation.parallel import WorkerState, check_executor, map_images
from detxai_nb.evaluation.plan import EvaluationPlan, MethodLike, make_plan
from detxai_nb.evaluation.rows import ImageRows, Record, summarize, to_frame
from detxai_nb.evaluation.selection import find_protocol, unknown_classes
from detxai_nb.evaluation.settings import EVALUATION_DEFAULTS, EvaluationOptions
from detxai_nb.evaluation.store import FolderStore, MemoryStore, open_store, read_store
from detxai_nb.metrics.registry import Metric, find_metric
from detxai_nb.options import complete_options, show_options
from detxai_nb.types import Detector, Progress

if TYPE_CHECKING:
    import pandas

ATTRIBUTE = "evaluation"
"""The key of ``DataFrame.attrs`` under which the table says how it was made and what was left out."""

Store = MemoryStore | FolderStore


@show_options(EvaluationOptions, EVALUATION_DEFAULTS)
def evaluate(
    detector: Detector | Callable[[], Detector],
    dataset: Sequence[Sample],
    methods: Sequence[MethodLike],
    metrics: Sequence[str | Metric],
    *,
    store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool | Progress = True,
    **options: Unpack[EvaluationOptions],
) -> pandas.DataFrame:
    """Measure every metric of every method for every selected object of a dataset.

    "difference:odam" among the methods is the difference map (``HeatMaps.difference``) of odam's maps over the selected
    objects of the image, with the settings of odam. To run one method twice, give it a name of your own and say what it
    is: ``methods=["odam", "box"], method_settings={"box": {"method": "odam", "smooth": "box"}}``; metrics likewise,
    with "metric" for what it is. Metrics that do not take signed maps measure the positive part of signed ones.

    Args:
        detector: a detector, or a function without arguments that makes one, such as
            ``functools.partial(load_detector, "yolox-nano", weights=...)``.
        dataset: Samples: a CocoDataset, VocDataset, CrowdHuman, Scenes, or a list.
        methods: registered names, or functions of gradient methods.
        metrics: registered names, or ``Metric`` objects.
        store: a folder for the rows, written image by image; None keeps them in memory. The same call goes on after an
            interruption of any kind and ends with the same table; a call with other settings, detector, dataset or
            version is refused. Images that could not be read are tried again then, and ``limit`` may be raised. Needs
            the extra "evaluation".
        executor: any ``concurrent.futures`` executor that does not fork, also a Dask ``Client.get_executor()``, for the
            images; None works in this process. Each of its threads works with its own copy of the detector; pass a
            function to have each make its own, on its own device. The images are read here and sent. Results do not
            depend on the executor, as far as the arithmetic of the workers is the same.
        progress: True draws a bar; a function is called as ``progress(done, total)`` after each image.
        **options: the keyword arguments below.
        protocol: which objects are measured: a name of ``PROTOCOLS`` or a ``Protocol``; "default" by default.
        seed: of everything random; 0 by default. Each object's own seed follows from it, the image's id and the
            annotation, a method's from it and the image's id, so that no result depends on the order or on the
            executor.
        limit: only the first so many images; by default all.
        method_settings: by name, what ``explain`` takes as keyword arguments, "target" and "layer" among them.
        metric_settings: by name, the settings of the metric.
        controls: by default the methods "control: random" (random values) and "control: Gaussian" (in the detected
            box) are added; False leaves them out.
        strict: by default an image that cannot be read (or its masks, if a metric needs them) is reported and left out;
            True ends the evaluation.
        fast: by default a fast copy of the network (see ``passes``) answers about the changed pictures of a photograph
            if its scores agree with the network's to 1e-5; False always asks the network, also in d-rise and
            sodex where their own setting says nothing.

    Returns:
        A table sorted by image, method, metric and falling score, with the columns ``image`` (its number in the
        dataset), ``image_id``, ``file_name``, ``annotation`` (its number in the sample), ``label``, ``score``, ``iou``,
        ``x1`` to ``y2`` (the detected box, pixels of the image), ``method``, ``map`` ("ok", "no positive evidence" for
        a map without a positive value, "not finite"; the values of the latter are NaN), ``map_figures`` (diagnostics
        from the method, such as d-rise's agreement of two halves of its masks), ``metric``, ``value`` (NaN if the
        metric is undefined), ``ties`` (share of tied pixels), ``curve`` and ``extras`` (further figures of the metric).
        ``attrs["evaluation"]`` holds the settings and how many objects and images were left out, and why.

    Raises:
        ValueError: for arguments that do not fit, before anything is computed, and if no image can be read.
        TypeError: for arguments of a wrong type and unknown ones, before anything is computed.
        OSError: if the store cannot be written; what was stored stays.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> rows = dx.evaluate(detector, dx.data.scenes.Scenes(2), ["odam"], ["energy-pointing-box"], progress=False)
        >>> rows["method"].unique().tolist()
        ['odam', 'control: random', 'control: Gaussian']
        >>> rows.attrs["evaluation"]["images"]
        2
    """
    chosen = complete_options(evaluate, options, EVALUATION_DEFAULTS)
    plan = make_plan(
        methods,
        metrics,
        find_protocol(chosen["protocol"]),
        seed=chosen["seed"],
        method_settings=chosen["method_settings"],
        metric_settings=chosen["metric_settings"],
        controls=chosen["controls"],
        fast=chosen["fast"],
    )
    count = _check(dataset, plan, chosen["limit"])
    if executor is not None:
        check_executor(executor)
    # A class makes detectors, though it has a function "detect" too.
    make = detector if isinstance(detector, type) or not hasattr(detector, "detect") else None
    first: Any = make() if callable(make) else detector
    if not (hasattr(first, "detect") and hasattr(first, "names")):
        raise TypeError(f"detector is a detector, or a function that makes one; got {type(first).__name__}")
    _warn_of_unknown(dataset, first, plan)
    settings = describe(plan, first, dataset)
    kept: Store = MemoryStore() if store is None else open_store(store, settings)
    try:
        todo = [n for n in range(count) if n not in kept.records or kept.records[n].error is not None]
        with _reporting(progress, count, count - len(todo)) as report:
            samples = _read(dataset, todo, plan, kept, chosen["strict"], report)
            state = WorkerState(plan, first, make if callable(make) else None)
            for part in _measured(samples, plan, first, executor, state):
                kept.add(part)
                report(1)
        return _table(settings, [kept.records[number] for number in range(count)], kept.columns)
    finally:
        kept.close()


def read_evaluation(store: str | os.PathLike[str]) -> pandas.DataFrame:
    """Return the table of a stored evaluation, also of one that is still running.

    Args:
        store: the folder that was passed to ``evaluate``.

    Returns:
        The table as ``evaluate`` returns it, of the images measured so far.

    Raises:
        FileNotFoundError: if there is no evaluation.
        ValueError: if a file is damaged or of another format.
        ImportError: if pyarrow is missing.
    """
    settings, records, columns = read_store(store)
    return _table(settings, records, lambda images: columns)


def describe(plan: EvaluationPlan, detector: Detector, dataset: Sequence[Sample]) -> dict[str, Any]:
    """Return everything that decides the result, as plain values.

    Args:
        plan: methods, metrics, protocol and seed.
        detector: the detector.
        dataset: the dataset.

    Returns:
        The settings that a store keeps and ``attrs["evaluation"]["settings"]`` holds.
    """
    return {
        "version": __version__,
        "detector": detector_identity(detector),
        "dataset": dataset_identity(dataset),
        **plan.record(),
    }


def _check(dataset: Sequence[Sample], plan: EvaluationPlan, limit: int | None) -> int:
    """The number of images to measure."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is a number of images, 1 or more, or None for all; got {limit!r}")
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")) or isinstance(dataset, (Mapping, str)):
        raise TypeError(
            f"dataset is a list of Samples or a dataset such as CocoDataset; got a {type(dataset).__name__}"
        )
    if not len(dataset):
        raise ValueError("the dataset has no images")
    if isinstance(dataset, (list, tuple)):
        for number, sample in enumerate(dataset):
            _require_sample(sample, number)
    if plan.needs("mask") and not getattr(dataset, "has_masks", True):
        names = ", ".join(row.name for row in plan.metrics if "mask" in find_metric(row.metric).needs)
        raise ValueError(f"{names}: these metrics need instance masks, and this dataset has none; leave them out")
    placed = [row.name for row in plan.metrics if find_metric(row.metric).uses_annotation]
    if placed and not getattr(dataset, "has_boxes", True):
        raise ValueError(
            f"{', '.join(placed)}: these metrics compare a map with where an object is annotated, and this dataset "
            "says only what an image shows; leave them out"
        )
    return len(dataset) if limit is None else min(limit, len(dataset))


def _require_sample(sample: Any, number: int) -> None:
    if not isinstance(sample, Sample):
        raise TypeError(f"image {number} of the dataset is a {type(sample).__name__}; expected a Sample")


def _warn_of_unknown(dataset: Sequence[Sample], detector: Detector, plan: EvaluationPlan) -> None:
    listed = isinstance(dataset, (list, tuple))
    names = {n: None for sample in dataset for n in sample.names} if listed else getattr(dataset, "names", ())
    missing = unknown_classes(tuple(names), tuple(detector.names), plan.protocol.classes)
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
    """The images that can be read; for the others a record with the error is kept."""
    for number in todo:
        try:
            sample = dataset[number]
            _require_sample(sample, number)
            # Masks are decoded on first use: an error in them belongs to the image, not to a metric.
            sample.check_masks(plan.needs("mask"), plan.needs("part"))
            as_id(sample.image_id, f"the id of image {number}")
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
    state: WorkerState,
) -> Iterator[ImageRows]:
    """The rows of each image: in order here, or as the executor finishes them."""
    if executor is not None:
        yield from map_images(executor, state, samples)
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
    """A function that counts finished images for a bar, for the caller's function, or for nobody."""
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
