"""The options that ``evaluate``, ``reproduce`` and the command line share, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any, TypedDict

from detxai_nb.evaluation.selection import Protocol
from detxai_nb.types import Progress


class EvaluationOptions(TypedDict, total=False):
    """What decides the rows of an evaluation beside the detector, the dataset, the methods and the metrics.

    Attributes:
        protocol: which objects are measured: a name of ``PROTOCOLS`` or a ``Protocol``.
        seed: the seed of everything random, a whole number from 0.
        limit: only the first so many images; None for all.
        method_settings: by method name, what ``explain`` takes as keyword arguments.
        metric_settings: by metric name, the settings of the metric.
        controls: add "control: random" and "control: Gaussian" to the methods.
        strict: an image that cannot be read ends the evaluation instead of being left out.
        fast: fast copies of the network answer about changed pictures where their scores agree to 1e-5.
    """

    protocol: str | Protocol
    seed: int
    limit: int | None
    method_settings: Mapping[str, Mapping[str, Any]] | None
    metric_settings: Mapping[str, Mapping[str, Any]] | None
    controls: bool
    strict: bool
    fast: bool


class ReproductionOptions(EvaluationOptions, total=False):
    """What ``reproduce`` passes on to ``evaluate``.

    Attributes:
        executor: any ``concurrent.futures`` executor for the images.
        progress: True draws a bar; a function is called as ``progress(done, total)`` after each image.
    """

    executor: Executor | None
    progress: bool | Progress


EVALUATION_DEFAULTS: EvaluationOptions = {
    "protocol": "default",
    "seed": 0,
    "limit": None,
    "method_settings": None,
    "metric_settings": None,
    "controls": True,
    "strict": False,
    "fast": True,
}
