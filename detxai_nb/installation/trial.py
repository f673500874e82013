"""A trial in a process of its own: torch multiplies, a bundled detector explains a scene, every widget is there.

What crashes an interpreter, such as a library built for another processor, ends that process and not the doctor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from detxai_nb.installation.finding import Finding, without_places

REINSTALL = 'install it again: python -m pip install --force-reinstall "detxai-nb[lab]"'
SECONDS = 180
"""After how long a trial counts as hanging."""
_STEPS = {
    "torch": "torch does not work",
    "detector": "a bundled detector does not explain a scene",
    "widgets": "the widgets cannot be imported",
}
# Only the folder of this package is added, behind all others: the working folder is not looked at, see check_hidden.
_CODE = "import sys; sys.path.append(sys.argv[1]); from detxai_nb.installation.trial import try_all; try_all()"


def run_trial() -> Finding:
    """Try everything in a new process.

    Returns:
        What came of it.
    """
    package = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _CODE, package],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        said = f"the trial of torch and a detector did not end within {SECONDS} s"
        return Finding("trial", "missing", said, "close other programs, or restart the computer, and try again")
    except OSError as error:
        return Finding("trial", "missing", f"Python could not be started: {without_places(str(error))}", REINSTALL)
    return read_trial(done.returncode, done.stdout, done.stderr)


def read_trial(status: int, out: str, err: str) -> Finding:
    """Say what came of a trial.

    Args:
        status: the exit status of its process; negative for the signal that ended it.
        out: what it printed: after each step a line of JSON.
        err: what it printed of errors.

    Returns:
        What came of it; without any path.
    """
    told: dict[str, Any] = {}
    for line in out.splitlines():
        try:
            step = json.loads(line)
        except ValueError:
            continue
        told |= step if isinstance(step, dict) else {}
    for step, wrong in _STEPS.items():
        if step in told:
            continue
        if step == "torch" and "No module named 'torch'" in err:
            return Finding("torch", "missing", "torch is not installed", 'python -m pip install "detxai-nb[lab]"')
        last = without_places((err.strip().splitlines() or [""])[-1])[:300]
        ended = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return Finding(step, "missing", f"{wrong} ({last or ended})", REINSTALL)
    return Finding("trial", "ok", str(told["detector"]))


def try_all() -> None:
    """Run the trial and print a line of JSON after each step; called in the process of its own.

    Raises:
        ValueError: if a result is wrong.
    """
    import torch

    numbers = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    if (numbers @ numbers.T).tolist() != [[5.0, 14.0], [14.0, 50.0]]:
        raise ValueError("torch multiplies two matrices to something wrong")
    print(json.dumps({"torch": torch.__version__}), flush=True)

    import detxai_nb as dx

    image = dx.data.scenes.make(3, seed=1).image
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([image], score_threshold=0.3)[0]
    heat = dx.explain(detector, image, found[:1], method="odam")
    x1, y1, x2, y2 = (round(side) for side in found.boxes[0].tolist())
    inside = float(heat.values[0, y1:y2, x1:x2].sum() / heat.values[0].sum())
    if not 0.5 < inside <= 1:
        raise ValueError(f"of the heat of {found.label_names()[0]} a share of {inside:.2f} lies in its box")
    print(json.dumps({"detector": f"torch {torch.__version__}, tiny-fcos explains a scene"}), flush=True)

    from detxai_nb import widgets

    for name in widgets.__all__:
        if not (str(getattr(widgets, name)._esm).strip() and str(getattr(widgets, name)._css).strip()):
            raise ValueError(f"the front end of the widget {name} is empty")
    print(json.dumps({"widgets": len(widgets.__all__)}), flush=True)
