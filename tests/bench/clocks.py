"""The clocks of the benches: wall time beside processor time, which suffers less where other programs run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch


def seconds(work: Callable[[], object]) -> np.ndarray:
    """Wall time and processor time of one call, and of what it gave a GPU to do."""
    start = np.array([time.perf_counter(), time.process_time()])
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()]) - start
