"""SODEx written out: one sample, one object, one detection at a time, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.image import FloatImage
from detxai_nb.methods.sodex import superpixels
from detxai_nb.methods.sodex.surrogate import draw_shown
from detxai_nb.types import TraceableDetector


def maps_by_hand(detector: Any, image: np.ndarray, maps: dx.HeatMaps) -> tuple[np.ndarray, list[float]]:
    """The maps ``[T,H,W]`` with the settings, superpixels and samples of ``maps``, and the weighted R² of each."""
    settings, targets = maps.settings, maps.detections
    how = [settings[name] for name in ("segments", "compactness", "sigma")]
    labels = superpixels(image, *how)[0].numpy()
    shown = draw_shown(settings["samples"], labels.max() + 1, settings["seed"]).numpy()
    scores = np.zeros((len(shown), len(targets)))
    for i, row in enumerate(shown):
        picture = changed(image, labels, row, settings["hidden"])
        if isinstance(detector, TraceableDetector):
            asked: Any = FloatImage(torch.from_numpy(picture).permute(2, 0, 1).float())
        else:
            asked = np.round(picture).astype(np.uint8)
        answer = detector.detect([asked], settings["score_threshold"])[0]
        for t in range(len(targets)):
            scores[i, t] = score_by_hand(targets, t, answer)
    weights = [np.sqrt(np.exp(-(cosine_distance(row) ** 2) / settings["kernel_width"] ** 2)) for row in shown]
    found, fits = np.zeros((len(targets), *labels.shape)), []
    for t in range(len(targets)):
        values, r2, _ = ridge_by_hand(shown.astype(float), scores[:, t], np.array(weights), settings["alpha"])
        for s, value in enumerate(values):
            found[t][labels == s] = value
        fits.append(r2)
    return found, fits


def changed(image: np.ndarray, labels: np.ndarray, row: np.ndarray, hidden: str) -> np.ndarray:
    """The image, float64 ``[H,W,3]``, with only the superpixels of ``row`` as they were."""
    picture = image.astype(np.float64)
    for s in np.flatnonzero(~row):
        there = labels == s
        picture[there] = {"mean": image[there].mean(axis=0), "black": 0, "grey": 127.5}[hidden]
    return picture


def score_by_hand(targets: dx.Detections, t: int, answer: dx.Detections) -> float:
    """How surely target ``t`` is found, pair by pair."""
    best, label = 0.0, int(targets.labels[t])
    ax1, ay1, ax2, ay2 = targets.boxes[t].tolist()
    for d in range(len(answer)):
        bx1, by1, bx2, by2 = answer.boxes[d].tolist()
        common = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
        iou = common / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - common)
        if answer.class_scores is None:
            score = float(answer.scores[d]) if int(answer.labels[d]) == label else 0.0
        else:
            score = float(answer.class_scores[d, label])
            score *= 1.0 if answer.objectness is None else float(answer.objectness[d])
        best = max(best, iou * score)
    return best


def cosine_distance(row: np.ndarray) -> float:
    """Of a row of samples to a row of ones; 1 for a row of zeros."""
    length = np.linalg.norm(row.astype(float)) * np.sqrt(len(row))
    return 1 - row.sum() / length if length else 1.0


def ridge_by_hand(
    rows: np.ndarray, scores: np.ndarray, weights: np.ndarray, alpha: float
) -> tuple[np.ndarray, float, float]:
    """Coefficients, weighted R² and intercept: scikit-learn's, or else least squares with rows for the penalty."""
    try:
        from sklearn.linear_model import Ridge
    except ImportError:
        pass
    else:
        model = Ridge(alpha=alpha).fit(rows, scores, sample_weight=weights)
        return model.coef_, model.score(rows, scores, sample_weight=weights), float(model.intercept_)
    root, parts = np.sqrt(weights)[:, None], rows.shape[1]
    ones = np.hstack([rows, np.ones((len(rows), 1))])
    penalty = np.hstack([np.sqrt(alpha) * np.eye(parts), np.zeros((parts, 1))])
    sides = np.concatenate([root[:, 0] * scores, np.zeros(parts)])
    found = np.linalg.lstsq(np.vstack([root * ones, penalty]), sides, rcond=None)[0]
    left = weights @ (scores - ones @ found) ** 2
    total = weights @ (scores - np.average(scores, weights=weights)) ** 2
    return found[:-1], 1 - left / total, float(found[-1])
