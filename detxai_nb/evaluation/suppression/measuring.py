"""The figures of every training and rule from a store of predictions, and what is set against what."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from detxai_nb.evaluation.suppression.candidates import PassSettings
from detxai_nb.evaluation.suppression.contrasts import CONTRASTS, Contrast, verdict_of
from detxai_nb.evaluation.suppression.correlations import CorrelationCounts
from detxai_nb.evaluation.suppression.measures import draws_of_scenes, measured
from detxai_nb.evaluation.suppression.outcomes import (
    RULES,
    ComparedScene,
    Objects,
    SceneTruth,
    joined,
    outcome_of,
    scene_truths,
)
from detxai_nb.evaluation.suppression.paper import FAMILIES
from detxai_nb.evaluation.suppression.results import SuppressionResults
from detxai_nb.evaluation.suppression.runs import TrainedRun, find_runs
from detxai_nb.evaluation.suppression.store import CandidateStore
from detxai_nb.evaluation.suppression.times import rule_times
from detxai_nb.nms.rules import FeatureNms, OdamNms, Suppression

RESAMPLES = 500
"""Draws of scenes behind an interval."""
MOST_DETECTIONS = 100
"""The greatest number of detections of a scene, as in the detectors' own ``detect``."""
T_LOWS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
T_HIGHS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The thresholds of the plane."""

Say = Callable[[str, int, int], Any]
Drawn = dict[tuple[str, bool, int, str], dict[str, np.ndarray]]
"""By family, whether with ODAM-Train, seed and rule: figures ``[1+R]``, first of all scenes, then of each draw."""


def measure_suppression(
    runs: str | os.PathLike[str],
    store: str | os.PathLike[str],
    scenes: int = 300,
    *,
    settings: PassSettings | None = None,
    only: Sequence[str] | None = None,
    timed: int = 5,
    resamples: int = RESAMPLES,
    progress: Say | None = None,
) -> SuppressionResults:
    """Measure suppression in crowds: what tables 5, 7, 8 and 9 and figures 4 and 9 of the ODAM paper show.

    First each detector runs once over the scenes, which takes the time; what all rules need is kept in the store. An
    interrupted call goes on from there. Then the rules are applied to the store.

    Args:
        runs: a folder with the trainings, see ``find_runs``.
        store: a folder for the predictions, made if it is missing.
        scenes: the number of scenes, 1 or more.
        settings: which scenes and predictions; by default 300 x 256 crowds of one class that no training has seen.
        only: some of the models; None for all.
        timed: the number of scenes on which the pipelines are timed, in turns; 0 for none.
        resamples: draws of scenes for the intervals, 2 or more.
        progress: called as ``progress(what, done, total)`` between scenes; what it raises ends the work.

    Returns:
        The results.

    Raises:
        FileNotFoundError: if there are no trainings.
        ValueError: for a number out of its range, a store of other settings or weights, and damaged files.

    References:
        Zhao & Chan, ODAM (ICLR 2023), sections 4.3 and A.4.
    """
    for name, value, least in (("scenes", scenes, 1), ("timed", timed, 0), ("resamples", resamples, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
    settings = PassSettings() if settings is None else settings
    say = progress if progress is not None else lambda what, done, total: None
    trained = find_runs(runs, only)
    kept = CandidateStore(store, settings)
    for run in trained:
        kept.fill(run, scenes, lambda done, total, run=run: say(f"predictions of {run.title}", done, total))  # type: ignore[misc]
    truths = scene_truths(settings, scenes)
    weights = np.concatenate([np.ones((1, scenes), int), draws_of_scenes(scenes, resamples)])
    figures: list[dict[str, Any]] = []
    plane: list[dict[str, Any]] = []
    correlations: list[dict[str, Any]] = []
    drawn: Drawn = {}
    limits: dict[str, float] = {}
    for number, run in enumerate(trained):
        say("rules", number, len(trained))
        measuring = _Measuring(run, kept, truths, weights)
        figures += measuring.figures(drawn)
        plane += measuring.plane()
        correlations += measuring.correlations()
        limits[run.title] = measuring.cut
    say("rules", len(trained), len(trained))
    about = {"scenes": scenes, **asdict(settings), "resamples": resamples, "max_detections": MOST_DETECTIONS}
    about |= {"weights": {run.title: run.digests() for run in trained}, "cut": limits}
    return SuppressionResults(
        about,
        tuple(_notes(about, trained, truths)),
        figures,
        plane,
        correlations,
        _differences(drawn),
        rule_times(trained, settings, timed),
    )


class _Measuring:
    """One training: all of its scenes are read once."""

    def __init__(self, run: TrainedRun, store: CandidateStore, truths: list[SceneTruth], weights: np.ndarray) -> None:
        self._about: dict[str, Any] = {
            "name": run.name,
            "family": run.family,
            "odam_train": run.odam_train,
            "seed": run.seed,
        }
        self._objects, self._weights = Objects.of(truths), weights
        self._counts = CorrelationCounts()
        planes: dict[Any, Suppression] = {(low, high): OdamNms(0.5, low, high) for low in T_LOWS for high in T_HIGHS}
        rules = {name: rule for name, rule in RULES.items() if run.head or not isinstance(rule, FeatureNms)}
        parts: dict[Any, list[Any]] = {name: [] for name in (*rules, *planes)}
        above, cut = store.settings.score_threshold, 0
        for number, (candidates, features) in enumerate(store.read(run, len(truths))):
            scene = ComparedScene(candidates, truths[number], features)
            self._counts.add(scene)
            cut += candidates.found > len(candidates)
            for name, rule in (*rules.items(), *planes.items()):
                parts[name].append(outcome_of(scene, number, rule, above, MOST_DETECTIONS))
        self._outcomes = {name: joined(found) for name, found in parts.items()}
        self._names, self._planes = list(rules), list(planes)
        self.cut = cut / len(truths)

    def figures(self, drawn: Drawn) -> list[dict[str, Any]]:
        """Return the rows of the rules, and keep the figures of all draws."""
        found, crowd, total = [], int(self._objects.crowded.sum()), int(self._objects.total.sum())
        for name in self._names:
            outcomes = self._outcomes[name]
            values = measured(outcomes, self._objects, self._weights)
            drawn[self._about["family"], self._about["odam_train"], self._about["seed"], name] = values
            one = {figure: float(value[0]) for figure, value in values.items()}
            one |= {"crowd_objects": crowd, "sparse_objects": total - crowd}
            one["kept"] = len(outcomes.scene) / len(self._objects.total)
            found.append({**self._about, "rule": name, **one})
        return found

    def plane(self) -> list[dict[str, Any]]:
        """Return the rows of the thresholds."""
        found = []
        for low, high in self._planes:
            values = measured(self._outcomes[low, high], self._objects)
            one = {figure: float(values[figure][0]) for figure in ("AP50", "JI", "MR")}
            found.append({**self._about, "t_low": low, "t_high": high, **one})
        return found

    def correlations(self) -> list[dict[str, Any]]:
        """Return the rows of the pairs."""
        return [{**self._about, **row} for row in self._counts.rows()]


def _differences(drawn: Drawn) -> list[dict[str, Any]]:
    """A row for each contrast, family and figure of which all sides are there, over the seeds that all have."""
    found = []
    for contrast in CONTRASTS:
        for family in FAMILIES:
            sides = (*contrast.plus, *contrast.minus)
            seeds = {
                seed
                for name, _, seed, _ in drawn
                if name == family and all((family, odam, seed, rule) in drawn for odam, rule in sides)
            }
            for figure in contrast.figures if seeds else ():
                found.append(_difference(drawn, contrast, family, figure, sorted(seeds)))
    return found


def _difference(drawn: Drawn, contrast: Contrast, family: str, figure: str, seeds: list[int]) -> dict[str, Any]:
    def of(seed: int) -> np.ndarray:
        plus, minus = (
            np.sum([drawn[family, odam, seed, rule][figure] for odam, rule in sides], axis=0)
            for sides in (contrast.plus, contrast.minus)
        )
        return np.asarray(plus - minus)

    every = np.stack([of(seed) for seed in seeds])
    low, high = np.nanquantile(every[:, 1:].mean(axis=0), [0.025, 0.975]).tolist()
    by_seed = every[:, 0].tolist()
    return {
        "kind": contrast.kind,
        "title": contrast.title,
        "family": family,
        "figure": figure,
        "seeds": seeds,
        "differences": by_seed,
        "mean": float(np.mean(by_seed)),
        "sd": float(np.std(by_seed, ddof=1)) if len(seeds) > 1 else float("nan"),
        "low": low,
        "high": high,
        "verdict": verdict_of(by_seed, low, high, figure),
    }


def _notes(about: dict[str, Any], trained: list[TrainedRun], truths: list[SceneTruth]) -> list[str]:
    """What the figures are of."""
    objects, crowd = sum(len(one.labels) for one in truths), sum(int(one.crowded.sum()) for one in truths)
    seeds = sorted({run.seed for run in trained})
    found = [
        f"{about['scenes']} scenes of mode {about['mode']!r}, {about['width']}x{about['height']}, seed "
        f"{about['seed']}, which no training has seen: {objects} objects, {crowd} of them with a neighbour whose box "
        "has an IoU above 0.5 with theirs (the crowd set); each scene holds one of ten classes",
        "AP50 and MR are means over the ten classes, with false positives a scene counted over all scenes; in the "
        "paper there is one class, and the models, data and training are others: its values are beside for the "
        "order, not for the height",
        f"predictions with a score of at least {about['score_threshold']:g}, the best {about['most']} of a scene "
        f"(which left something out in at most {max(about['cut'].values()):.0%} of the scenes of a training), at most "
        f"{about['max_detections']} detections; maps of FCOS with {about['norm_statistics']} statistics of group "
        "normalisation",
        f"trainings with the seeds {', '.join(map(str, seeds))}: mean and standard deviation (n - 1) over seeds; "
        f"intervals are over scenes ({about['resamples']} draws with replacement, the same for all), of the mean over "
        "seeds. A difference is decided if all seeds have one sign and the interval does not contain 0",
    ]
    there = {run.title for run in trained}
    wanted = [f"{name}-{seed}" for name in dict.fromkeys(run.name for run in trained) for seed in seeds]
    if missing := [title for title in wanted if title not in there]:
        found.append(f"not trained, so not in the means: {', '.join(missing)}")
    if bare := [run.title for run in trained if run.head is None]:
        found.append(f"without an embedding head, so without FeatureNMS: {', '.join(bare)}")
    return found
