"""What the rules take for an image, whole pipeline, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from detxai_nb.evaluation.suppression.candidates import PassSettings
from detxai_nb.evaluation.suppression.outcomes import RULES
from detxai_nb.evaluation.suppression.runs import TrainedRun
from detxai_nb.nms.detector import NmsDetector

TIMED = ("nms", "soft-nms", "odam-nms")


def rule_times(runs: Sequence[TrainedRun], settings: PassSettings, scenes: int) -> list[dict[str, Any]]:
    """Time detection with each rule: forward pass, maps where the rule compares them, and the rule.

    Each scene goes once through all rules, so that what else the machine does falls on all alike. One training of each
    family is timed, with ODAM-Train if there is one: the time depends on the weights by the number of predictions only.

    Args:
        runs: the trainings.
        settings: the score threshold and the gradients; the number of predictions is not limited.
        scenes: the number of scenes; 0 for no times.

    Returns:
        For each family and rule: "name" of the model, "family", "rule", "seconds" (median wall time of an image),
        "ratio" to NMS (median over scenes) and "cpu_ratio", the same of processor time.
    """
    chosen = {run.family: run for run in sorted(runs, key=lambda run: (run.odam_train, -run.seed))}
    found: list[dict[str, Any]] = []
    for family, run in chosen.items() if scenes else ():
        detector = run.open(settings.norm_statistics)
        pipelines = {name: NmsDetector(detector, RULES[name], short_edge=settings.short_edge) for name in TIMED}
        if (embedding := run.embedding(detector)) is not None:
            pipelines["feature-nms"] = NmsDetector(detector, RULES["feature-nms"], vectors=embedding)
        images = [sample.image for sample in settings.scenes(scenes)]
        for pipeline in pipelines.values():
            pipeline.detect(images[:1], settings.score_threshold)
        took = {name: np.zeros((scenes, 2)) for name in pipelines}
        for number, image in enumerate(images):
            for name, pipeline in pipelines.items():
                took[name][number] = _seconds(lambda p=pipeline, i=image: p.detect([i], settings.score_threshold))  # type: ignore[misc]
        for name in pipelines:
            ratios = np.median(took[name] / took["nms"], axis=0).tolist()
            about = {"name": run.name, "family": family, "rule": name, "scenes": scenes}
            seconds = float(np.median(took[name][:, 0]))
            found.append({**about, "seconds": seconds, "ratio": ratios[0], "cpu_ratio": ratios[1]})
    return found


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu
