"""Checks of the answers: that detect answers at all and in the agreed form, and that it answers what is expected."""

from __future__ import annotations

import torch

from detxai_nb.doctor.expected import compare_answers
from detxai_nb.doctor.patient import CONFIDENT, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.doubts import doubt_of
from detxai_nb.types import Detections

TOLERANCE = 1e-4
"""How far scores, and box sides as a share of the picture's longer side, may be from the expected ones."""


def check_answers(patient: Patient) -> CheckResult:
    """Check that ``detect`` answers, in the form that everything else relies on.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found: wrong if it raises or answers in another form, suspicious if it finds nothing.
    """
    remedy = "let detect return a Detections for each picture, or wrap a function with dx.wrap_predict"
    try:
        found = patient.everything
    except Exception as error:  # Whatever an adapter raises is what is to be reported.
        said = f"detect raises {type(error).__name__}: {error}"
        return CheckResult("answers", WRONG, said, {}, "nothing else can be checked", "mend what the message says")
    faults = [fault for one in found for fault in _faults(one)]
    measured: dict[str, Value] = {
        "pictures": len(found),
        "detections": sum(map(len, found)),
        "confident": sum(int((one.scores >= CONFIDENT).sum()) for one in found),
        "highest score": max((float(one.scores.max()) for one in found if len(one)), default=0.0),
    }
    if faults:
        return CheckResult(
            "answers", WRONG, faults[0], measured, "maps and metrics read answers by these rules", remedy
        )
    doubts = [doubt for picture in patient.pictures if (doubt := doubt_of(patient.detector, picture))]
    if doubts and len(doubts) == len(patient.pictures):
        return CheckResult("answers", SUSPICIOUS, doubts[0], measured, "", "take pictures of the kind that it knows")
    if not measured["confident"] and not patient.classifies:
        said = f"nothing is found with a score of {CONFIDENT} or more, the highest is {measured['highest score']:.3g}"
        means = "either there is nothing in these pictures that it knows, or it sees them otherwise than in training"
        return CheckResult("answers", SUSPICIOUS, said, measured, means, "take pictures with objects that it knows")
    said = f"{measured['confident']} objects with a score of {CONFIDENT} or more in {len(found)} pictures"
    return CheckResult("answers", OK, said, measured)


def _faults(one: Detections) -> list[str]:
    """What breaks the rules of Detections that its own constructor does not check."""
    if not len(one):
        return []
    found = []
    values = {"boxes": one.boxes, "scores": one.scores}
    found += [f"{name} hold NaN or infinity" for name, value in values.items() if not bool(torch.isfinite(value).all())]
    if bool((one.scores.diff() > 0).any()):
        found.append("detections are not sorted by falling score")
    return found


def check_expected(patient: Patient) -> CheckResult:
    """Check that the detector finds what the user's own inference finds.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: if no expected answers were handed in.
    """
    known = [i for i, one in enumerate(patient.expected) if one is not None]
    if not known:
        raise NotChecked(
            "no answers of your own inference were handed in",
            "hand in expected=(boxes, scores, labels) of your own code for the same picture: it decides most of what "
            "else is only likely",
        )
    size = [picture.shape for picture in patient.pictures]
    own = [compare_answers(patient.everything[i], patient.expected[i], size[i]) for i in known]  # type: ignore[arg-type]
    measured: dict[str, Value] = {
        "expected": sum(one.expected for one in own),
        "missing": sum(one.missing for one in own),
        "more": sum(one.more for one in own),
        "largest difference of scores": max(one.score for one in own),
        "largest difference of box sides": max(one.box for one in own),
        "tolerance": TOLERANCE,
    }
    if not measured["expected"]:
        raise NotChecked("the expected answers are empty", "take a picture in which your own inference finds objects")
    if all(one.within(TOLERANCE) for one in own):
        said = f"all {measured['expected']} expected detections are found, to {TOLERANCE:g}"
        return CheckResult("expected", OK, said, measured)
    said = (
        f"of {measured['expected']} expected detections {measured['missing']} are missing and {measured['more']} are "
        f"found besides; scores differ by up to {measured['largest difference of scores']:.3g}, box sides by up to "
        f"{measured['largest difference of box sides']:.3g} of the picture"
    )
    means = "what is explained here is not what your own inference does"
    remedy = "the checks of colours, normalisation, boxes, names and scores say what differs; compare resizing too"
    return CheckResult("expected", WRONG, said, measured, means, remedy)
