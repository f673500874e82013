"""How long one waits for the command line, for the import and for a first map, each in a process of its own.

python tests/bench/bench_start.py [--runs 5]

Wall and processor seconds of whole processes, medians of runs that take turns, as ratios to `import torch`, and which
large libraries were imported.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

COMMAND = "import sys; from detxai_nb.cli import main; sys.exit(main())"
FIRST_MAP = """
import detxai_nb as dx
detector = dx.load_detector("{}", device="cpu")
image = dx.data.scenes.make(3, seed=1).image
dx.explain(detector, image, detector.detect([image], score_threshold=0.3)[0][:1], method="odam").values
"""
# Every line is a program and the words behind it.
STARTS = {
    "import torch": ("import torch",),
    "detxai-nb --help": (COMMAND, "--help"),
    "detxai-nb --version": (COMMAND, "--version"),
    "detxai-nb no-such": (COMMAND, "no-such"),
    "detxai-nb evaluate --help": (COMMAND, "evaluate", "--help"),
    "import detxai_nb": ("import detxai_nb",),
    "import detxai_nb, and every name of it": ("import detxai_nb as dx; [getattr(dx, name) for name in dir(dx)]",),
    "first map of tiny-fcos": (FIRST_MAP.format("tiny-fcos"),),
    "first map of tiny-yolox": (FIRST_MAP.format("tiny-yolox"),),
    "import torchvision, first map of tiny-fcos": ("import torchvision" + FIRST_MAP.format("tiny-fcos"),),
}
LIBRARIES = [
    *("torch", "torchvision", "torch._dynamo", "torch._inductor", "sympy", "numpy", "PIL", "pandas", "matplotlib"),
    *("scipy", "skimage", "sklearn", "transformers", "ultralytics", "ipywidgets", "anywidget", "pyarrow", "captum"),
    "pycocotools",
]
# Registered before anything is imported: the program may end by SystemExit.
REPORT = f"""
import atexit, sys
def report(libraries={LIBRARIES}):
    import json
    sys.stderr.write("\\n" + json.dumps([name for name in libraries if name in sys.modules]))
atexit.register(report)
del atexit, report
"""


def start(program: str, *words: str) -> tuple[float, float, list[str]]:
    """Wall seconds, processor seconds and the large libraries of one process."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    here = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", REPORT + program, *words],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 2) or "Traceback" in done.stderr:
        raise SystemExit(done.stderr)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, json.loads(done.stderr.rpartition("\n")[2])


def main() -> None:
    """Start every program by turns, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    libraries = {name: start(*what)[2] for name, what in STARTS.items()}  # uncounted: files come into memory
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(runs):
        for name, what in STARTS.items():
            times[name].append(start(*what)[:2])
    base = np.median(times["import torch"], axis=0)
    print(f"| {runs} runs, medians | wall s | processor s | of `import torch` | imported |\n|---|---|---|---|---|")
    for name, figures in times.items():
        wall, processor = np.median(figures, axis=0)
        ratios = f"{wall / base[0]:.2f} / {processor / base[1]:.2f}"
        print(f"| {name} | {wall:.2f} | {processor:.2f} | {ratios} | {', '.join(libraries[name]) or '-'} |")


if __name__ == "__main__":
    main()
