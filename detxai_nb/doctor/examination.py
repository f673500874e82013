"""examine: all checks of a detector on some pictures, with the detector as it was before afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.doctor.answers import check_answers, check_expected
from detxai_nb.doctor.boxes import check_box_frame
from detxai_nb.doctor.colours import check_colours
from detxai_nb.doctor.expected import as_expected
from detxai_nb.doctor.gradients import check_explained_score, check_gradient
from detxai_nb.doctor.maps import check_maps, check_place
from detxai_nb.doctor.names import check_names
from detxai_nb.doctor.normalisation import check_normalisation
from detxai_nb.doctor.patient import Patient
from detxai_nb.doctor.report import DoctorReport
from detxai_nb.doctor.result import NOT_CHECKED, WRONG, CheckResult, NotChecked
from detxai_nb.doctor.running import check_precision, check_repeatable
from detxai_nb.doctor.scores import check_score_range
from detxai_nb.doctor.weights import check_weights
from detxai_nb.image import FloatImage, ImageSource, load_image
from detxai_nb.module_state import ModuleState, NumberState
from detxai_nb.module_use import alone, undone
from detxai_nb.types import Cancelled, Detector, Progress

Check = Callable[[Patient], CheckResult]

CHECKS: Mapping[str, Check] = {
    "answers": check_answers,
    "expected": check_expected,
    "repeatable": check_repeatable,
    "precision": check_precision,
    "scores": check_score_range,
    "names": check_names,
    "colours": check_colours,
    "normalisation": check_normalisation,
    "boxes": check_box_frame,
    "explained score": check_explained_score,
    "gradient": check_gradient,
    "maps": check_maps,
    "place": check_place,
    "weights": check_weights,
}
"""The checks by name, in the order in which they are made."""
FIRST = "answers"
"""The check without which hardly another can be made."""
WITHOUT_ANSWERS = ("precision",)
"""Checks that say why a detector may not answer."""


def examine(
    detector: Detector,
    image: ImageSource | Sample | Sequence[ImageSource | Sample],
    expected: Any = None,
    *,
    checks: Iterable[str] | str | None = None,
    progress: Progress | None = None,
) -> DoctorReport:
    """Examine a detector for what goes wrong with adapters, and say each finding in words.

    Checked are the form of the answers and whether they are repeatable; scores (logits, a sigmoid or softmax too many),
    names (shifted by one, a background), colours (RGB or BGR), normalisation, boxes (in pixels of the picture, xyxy);
    training mode, dropout, half precision; and of a detector that can be looked into whether its gradient is the slope
    of the score, and whether maps show something, in the right place, and depend on the weights.

    Nothing of the detector is changed: weights, buffers, hooks, training flags and the global random numbers are
    afterwards as they were before, also after an exception. Of a black box only the random numbers can be restored.

    Args:
        detector: any detector. Of a black box what needs gradients is not checked.
        image: what ``load_image`` takes, a ``Sample`` of a dataset, whose annotations then tell whether names are
            aligned, or several of them. Take some pictures with several objects that the detector knows: what is only
            likely from one picture is sure from ten.
        expected: what the user's own inference finds in the picture: ``Detections``, (boxes, scores, labels) or a dict
            with these names, boxes xyxy in pixels of the picture; a list of such for several pictures, None where
            nothing is known. It decides most of what scores alone only suggest.
        checks: names of ``doctor.CHECKS``, to make only these; None for all.
        progress: called as ``progress(done, total)`` after each check; what it raises ends the examination.

    Returns:
        The verdicts: print it, show it in a notebook, or take ``table()``, ``to_json()`` and ``healthy``.

    Raises:
        TypeError: for what is no detector, no picture or no expected answer.
        ValueError: for no pictures, an unknown check, or another number of expected answers than pictures.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> scene = dx.data.scenes.Scenes(1, seed=1)[0]
        >>> found = detector.detect([scene.image])[0]
        >>> turned = dx.wrap_predict(lambda image: detector.detect([image[..., ::-1]], 0.0)[0], detector.names)
        >>> print(dx.doctor(turned, scene.image, expected=found, checks="colours")["colours"].verdict)
        wrong
    """
    if not isinstance(detector, Detector):
        raise TypeError(
            f"dx.doctor examines a detector, with names, device and detect; got a {type(detector).__name__}: open a "
            "module with dx.wrap or dx.wrap_module, a function with dx.wrap_predict"
        )
    pictures, samples = _pictures(image)
    wanted = _wanted(checks)
    patient = Patient(detector, pictures, samples, as_expected(expected, pictures, tuple(detector.names)))
    results, seconds = _unchanged(patient, partial(_run, patient, wanted, progress))
    return DoctorReport(tuple(results), patient.about.title, len(pictures), seconds)


def _pictures(image: Any) -> tuple[tuple[np.ndarray, ...], tuple[Sample | None, ...]]:
    several = hasattr(image, "__getitem__") and hasattr(image, "__len__") and not isinstance(image, _SINGLE)
    # An array or a tensor of four dimensions is a batch, and one of three or two is a picture.
    several = several or getattr(image, "ndim", 0) == 4
    given = [image[i] for i in range(len(image))] if several else [image]
    if not given:
        raise ValueError("there are no pictures; hand in one or several with objects that the detector knows")
    samples = tuple(one if isinstance(one, Sample) else None for one in given)
    pictures = tuple(np.asarray(load_image(one.image if isinstance(one, Sample) else one)) for one in given)
    return pictures, samples


_SINGLE = (str, bytes, bytearray, memoryview, np.ndarray, Tensor, Mapping, FloatImage, Sample)


def _wanted(checks: Iterable[str] | str | None) -> list[str]:
    if checks is None:
        return list(CHECKS)
    given = [checks] if isinstance(checks, str) else list(checks)
    unknown = [name for name in given if name not in CHECKS]
    if unknown:
        raise ValueError(f"there is no check {unknown[0]!r}; there are {', '.join(CHECKS)}")
    return [name for name in CHECKS if name in given]


def _unchanged(patient: Patient, run: Callable[[], Any]) -> Any:
    """Run something with the detector's module and the random numbers as before afterwards."""
    module = patient.module
    if module is None:
        numbers = NumberState(())
        return undone(lambda: None, run, numbers.restore)

    def kept() -> Any:
        state = ModuleState(module)
        return undone(state.shield, run, state.restore)

    return alone(module, kept, evaluate=False)


def _run(patient: Patient, wanted: list[str], progress: Progress | None) -> tuple[list[CheckResult], dict[str, float]]:
    results, seconds = [], {}
    answers = _one(patient, FIRST)
    for done, name in enumerate(wanted):
        started = time.perf_counter()
        if name == FIRST:
            result = answers
        elif name not in WITHOUT_ANSWERS and answers.verdict == WRONG and not _answered(patient):
            result = CheckResult(name, NOT_CHECKED, "detect gives no answer", {}, "", "mend detect first")
        else:
            result = _one(patient, name)
        seconds[name] = time.perf_counter() - started
        results.append(result)
        if progress is not None:
            progress(done + 1, len(wanted))
    return results, seconds


def _answered(patient: Patient) -> bool:
    """Whether detect answered; what it answered is kept."""
    return "everything" in vars(patient)


def _one(patient: Patient, name: str) -> CheckResult:
    """Make one check; what goes wrong in it is its result."""
    try:
        return CHECKS[name](patient)
    except NotChecked as reason:
        return CheckResult(name, NOT_CHECKED, str(reason), reason.measured, "", reason.remedy)
    except Cancelled:
        raise
    except Exception as error:  # A detector may raise anything; the other checks go on.
        said = f"the check itself failed: {type(error).__name__}: {' '.join(str(error).split())}"
        return CheckResult(name, NOT_CHECKED, said, {}, "", "the message may say what is wrong with the detector")
