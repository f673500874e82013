"""Results that come with the package, of 12 trainings on 300 scenes: what the notebook shows without computing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from detxai_nb.evaluation.suppression.results import SuppressionResults, read_results

if TYPE_CHECKING:
    import pandas

KEPT = Path(__file__).parent / "kept"


def kept_results() -> SuppressionResults:
    """Read the results that come with the package.

    Returns:
        What ``detxai-nb evaluate odam-nms --runs RUNS --scenes 300 --store STORE`` wrote.
    """
    return read_results(KEPT / "suppression.json")


def kept_maps() -> pandas.DataFrame:
    """Read how good ODAM's maps of the same trainings are.

    Returns:
        What ``python tests/bench/measure_odam_train_maps.py RUNS --store STORE --out FILE`` wrote: a row for each
        training and metric with name, family, odam_train, seed, metric, mean and objects.
    """
    import pandas as pd

    return pd.DataFrame(json.loads((KEPT / "maps.json").read_text(encoding="utf-8")))
