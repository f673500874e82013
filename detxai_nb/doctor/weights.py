"""The check that maps depend on what the network has learnt: random weights have to change them."""

from __future__ import annotations

from detxai_nb.doctor.maps import METHOD
from detxai_nb.doctor.patient import Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.sanity.runner import check
from detxai_nb.sanity.settings import Randomization, Similarity

ALIKE, SAME = 0.5, 0.8
"""The resemblance (median absolute rank correlation) of maps of the trained and the random network that is suspicious,
and wrong."""
MOST = 4


def check_weights(patient: Patient) -> CheckResult:
    """Check that random weights change the maps: the weight-randomization test with one seed, all weights at once.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box, without detections, or if no map is left to compare.
    """
    patient.white_box()
    if patient.module is None:
        raise NotChecked(
            "the detector has no module whose weights could be randomized", "give it an attribute 'module'"
        )
    number = patient.richest()
    found = patient.confident(number, MOST)
    everything, measure = Randomization(layers="all", seeds=(0,)), Similarity(measures="spearman")
    result = check(
        patient.detector,  # type: ignore[arg-type]
        patient.pictures[number],
        found,
        [METHOD],
        randomization=everything,
        comparison=measure,
    )
    row = result.verdict().loc[METHOD]
    measured: dict[str, Value] = {
        "maps": int(row["maps"]),
        "resemblance": float(row["resemblance"]),
        "vanished": int(row["vanished"]),
    }
    if not measured["maps"]:
        raise NotChecked("no map could be compared", "", measured)
    likeness = float(row["resemblance"])
    if likeness <= ALIKE:
        return CheckResult("weights", OK, f"random weights change the maps (resemblance {likeness:.2f})", measured)
    said = f"with random weights the maps stay much as they are (resemblance {likeness:.2f})"
    means = "the maps show the picture, not what the network has learnt"
    remedy = "run dx.sanity.check, stage by stage; look for maps that are made of the picture or of fixed weights"
    return CheckResult("weights", WRONG if likeness > SAME else SUSPICIOUS, said, measured, means, remedy)
