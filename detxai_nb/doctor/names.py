"""The check of class names: aligned with the labels, not shifted by one, and no background among the answers."""

from __future__ import annotations

import torch
from torchvision.ops import box_iou

from detxai_nb.doctor.patient import CONFIDENT, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.names import BACKGROUND

SHIFTS = (-2, -1, 1, 2)
"""By how much labels may be off."""
FEWEST = 3
"""How many objects of at least two classes it takes."""
MANY = 12
"""How many it takes to suspect names that no shift explains: a detector errs, too."""
AGREE = 0.5
"""The share of objects with the right name, at least, where names are right."""
_PLACEHOLDERS = {BACKGROUND, "background", "n/a", "no object", "no-object"}
_OVERLAP = 0.5


def check_names(patient: Patient) -> CheckResult:
    """Check that labels and names count alike.

    A background that is reported as an object shows without further knowledge; a shift only where the classes of some
    objects are known: from annotations, or from the answers of the user's own inference.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: if the class of no object is known.
    """
    patient.require_probabilities()
    names = patient.names
    found = [one[one.scores >= CONFIDENT] for one in patient.found]
    labels = torch.cat([one.labels for one in found])
    means = "every object is called by another class's name"
    remedy = "count names and labels from the same class: is there a background class 0, and is it among the names?"
    empty = [name for name in {names[label] for label in labels.tolist()} if name.strip().casefold() in _PLACEHOLDERS]
    measured: dict[str, Value] = {"objects": len(labels), "names": len(names)}
    if empty:
        said = f"objects are reported as {empty[0]!r}, which names no object"
        return CheckResult("names", WRONG, said, measured, means, remedy)
    pairs = [pair for number in range(len(found)) for pair in _known(patient, number)]
    if len(pairs) < FEWEST or len({truth for _, truth in pairs}) < 2:
        raise NotChecked(
            f"the classes of {len(pairs)} objects are known",
            "hand in samples of a dataset with annotations in place of pictures, or expected= of your own inference",
            measured,
        )
    shares = {shift: _share(pairs, shift, len(names)) for shift in (0, *SHIFTS)}
    best = max(shares, key=lambda shift: (shares[shift], -abs(shift)))
    measured |= {"known": len(pairs), "right": shares[0], "best shift": best, "right if shifted": shares[best]}
    if best and shares[best] > shares[0] + 0.3:
        said = (
            f"{shares[0]:.0%} of {len(pairs)} known objects have the right name, and {shares[best]:.0%} if all labels "
            f"are counted {'up' if best > 0 else 'down'} by {abs(best)}"
        )
        return CheckResult("names", WRONG, said, measured, means, remedy)
    said = f"{shares[0]:.0%} of {len(pairs)} known objects have the right name"
    if shares[0] < AGREE and len(pairs) < MANY:
        raise NotChecked(f"{said}, too few to say why", "hand in more samples", measured)
    if shares[0] < AGREE:
        means = "names may be in another order, or the detector errs"
        return CheckResult("names", SUSPICIOUS, said, measured, means, "compare the order of names with the training's")
    return CheckResult("names", OK, said, measured)


def _share(pairs: list[tuple[int, int]], shift: int, count: int) -> float:
    return sum((label + shift) % count == truth for label, truth in pairs) / len(pairs)


def _known(patient: Patient, number: int) -> list[tuple[int, int]]:
    """(label, true label) of the objects of a picture whose class is known, both as numbers of the detector's names."""
    found = patient.found[number]
    found = found[found.scores >= CONFIDENT]
    sample, expected = patient.samples[number], patient.expected[number]
    if sample is not None:
        numbers = {name: i for i, name in enumerate(patient.names)}
        kept = [i for i in range(len(sample)) if not sample.crowd[i] and sample.names[sample.labels[i]] in numbers]
        truths = [numbers[sample.names[sample.labels[i]]] for i in kept]
        boxes = torch.from_numpy(sample.boxes[kept]).double().reshape(-1, 4)
    elif expected is not None:
        truths, boxes = expected.labels.tolist(), expected.boxes.double()
    else:
        return []
    if patient.classifies:
        # Classes of the whole picture: only a picture of one class says which is meant.
        return [(int(found.labels[0]), truths[0])] if len(found) and len(set(truths)) == 1 else []
    if not len(found) or not truths:
        return []
    overlaps = box_iou(found.boxes.double(), boxes).nan_to_num(0.0)
    pairs = []
    for row in range(len(found)):
        best = int(overlaps[row].argmax())
        if float(overlaps[row, best]) > _OVERLAP:
            pairs.append((int(found.labels[row]), truths[best]))
            overlaps[:, best] = 0.0
    return pairs
