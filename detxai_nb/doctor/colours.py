"""The check of the order of colours: RGB or BGR."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detxai_nb.doctor.expected import score_distance
from detxai_nb.doctor.pairs import pair_detections
from detxai_nb.doctor.patient import CONFIDENT, LOWEST, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.types import Detections

FEWEST = 8
"""How many objects it takes at least to say that their scores rise or fall."""
SURE, LIKELY = 4.0, 3.0
"""How many standard errors the mean rise of the scores has to be above 0 to be wrong, or suspicious."""
RISE = 0.02
"""The least mean rise that counts, however sure."""
CLOSER = 5.0
"""How many times nearer to the expected answers one order of colours has to be than the other."""

_MEANS = "the network gets red for blue and blue for red"
_REMEDY = "exchange the channels before the network: image[..., ::-1], or the adapter's setting for BGR"


def check_colours(patient: Patient) -> CheckResult:
    """Check that colours come in the order in which the network was trained.

    The detector looks at each picture with red and blue exchanged. What decides is, if the user's own answers were
    handed in, which of the two reproduces them; else whether the scores of the same objects rise.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: if the scores are as high either way.
    """
    patient.require_probabilities()
    own = patient.found
    turned = [patient.detect([np.ascontiguousarray(picture[..., ::-1])])[0] for picture in patient.pictures]
    entry = patient.entry
    order = "unknown" if entry is None else entry.order or "neither RGB nor BGR"
    measured: dict[str, Value] = {"order at the network": order}
    return _by_expected(patient, own, turned, measured) or _by_scores(own, turned, measured)


def _by_expected(
    patient: Patient, own: Sequence[Detections], turned: Sequence[Detections], measured: dict[str, Value]
) -> CheckResult | None:
    """The verdict by the user's own answers; None if there are none, or neither order is much nearer to them."""
    known = [(i, one) for i, one in enumerate(patient.expected) if one is not None and len(one)]
    if not known:
        return None

    def apart(answers: Sequence[Detections]) -> float:
        return sum(score_distance(answers[i], one) for i, one in known)

    first, second = apart(own), apart(turned)
    measured |= {"difference from the expected scores": first, "the same, exchanged": second}
    if second * CLOSER < first:
        said = (
            f"with red and blue exchanged the scores differ from yours by {second:.3g} in sum, as it is by {first:.3g}"
        )
        return CheckResult("colours", WRONG, said, measured, _MEANS, _REMEDY)
    if first * CLOSER < second:
        said = f"scores differ from yours by {first:.3g} in sum, with red and blue exchanged by {second:.3g}"
        return CheckResult("colours", OK, said, measured)
    return None


def _by_scores(own: Sequence[Detections], turned: Sequence[Detections], measured: dict[str, Value]) -> CheckResult:
    """The verdict by whether the scores of the same objects rise."""
    rises = np.concatenate([_rises(one, other) for one, other in zip(own, turned)])
    mean = float(rises.mean()) if len(rises) else 0.0
    error = float(rises.std(ddof=1)) / math.sqrt(len(rises)) if len(rises) > 1 else 0.0
    z = mean / error if error else 0.0
    measured |= {"objects": len(rises), "mean rise of scores with red and blue exchanged": mean, "standard errors": z}
    about = f"with red and blue exchanged the scores of {len(rises)} objects"
    if len(rises) >= FEWEST and z > LIKELY and mean > RISE:
        verdict = WRONG if z > SURE else SUSPICIOUS
        return CheckResult("colours", verdict, f"{about} rise by {mean:.2g} on average", measured, _MEANS, _REMEDY)
    if len(rises) >= FEWEST and z < -LIKELY:
        return CheckResult("colours", OK, f"{about} fall by {-mean:.2g} on average", measured)
    why = f"these pictures do not tell: {about} change by {mean:+.2g} on average ({z:+.1f} standard errors)"
    raise NotChecked(why, "hand in expected= of your own inference, or more pictures", measured)


def _rises(own: Detections, other: Detections) -> np.ndarray:
    """By how much the score of each object rises from one answer to the other, for those that one is sure of."""
    pairs = pair_detections(own, other)
    first, second = {i for i, _ in pairs}, {j for _, j in pairs}
    found = [(float(own.scores[i]), float(other.scores[j])) for i, j in pairs]
    found += [(float(own.scores[i]), LOWEST) for i in range(len(own)) if i not in first]
    found += [(LOWEST, float(other.scores[j])) for j in range(len(other)) if j not in second]
    return np.array([after - before for before, after in found if max(before, after) >= CONFIDENT], dtype=float)
