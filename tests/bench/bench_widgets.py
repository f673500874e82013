"""What a person waits for in a notebook with widgets, and what its cells keep, measured in JupyterLab.

python tests/bench/bench_widgets.py [--threads 2] [--only what-if]

Wall time depends on what else the machine does; beside it stands the kernel's processor time. Of the WhatIf, with one
thread and with two: from the end of a stroke to the answer on screen and to all of it, with what equal areas elsewhere
do, each with the median, the fastest and the slowest; and what bounds them, in the same run: a plain forward pass, and
an answer without the browser.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

BROWSER = Path(__file__).resolve().parents[1] / "browser"
sys.path.insert(0, str(BROWSER))

from conftest import ARGUMENTS  # noqa: E402
from lab import LabServer, NotebookPage  # noqa: E402

CELLS = {
    "begin": f"""
import gc, resource, sys, time
sys.path.insert(0, {str(BROWSER)!r})
import crowd, numpy as np, torch
import detxai_nb as dx
torch.set_num_threads(THREADS)
detector = dx.load_detector("tiny-fcos", device="cpu")
scene = dx.data.scenes.make(2, 11).image
large = np.asarray(crowd.photograph(3000, 4000))
some = crowd.Crowd(8)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
def timed(call):
    wall, work = time.perf_counter(), time.process_time()
    call()
    return f"{{time.perf_counter() - wall:.2f}} s, {{time.process_time() - work:.2f}} s of processor time"
detector.detect([scene])
None""",
    "many": "dx.widgets.Comparison(crowd.Crowd(100), scene)",
    "work": "print(time.process_time())",
    "check": """
check = dx.widgets.SanityCheck(detector, scene)
check.run()
print(timed(check.wait), list(check.methods), list(check.seeds), len(check.result.maps), "maps")""",
    "cancel": """
slow = dx.widgets.SanityCheck(detector, scene, methods=["d-rise"])
slow.run()
while not slow.map_data:
    time.sleep(0.05)
print(timed(slow.cancel), slow.map_data["methods"][0]["words"])""",
    "still": """
explorer = dx.widgets.Explorer(some, large)
comparison = dx.widgets.Comparison(some, large)
for widget in (explorer, comparison):
    print(type(widget).__name__, timed(widget._picture))
    widget.close()
del explorer, comparison, widget
gc.collect(); None""",
    "what-if": "what_if = dx.widgets.WhatIf(detector, scene, radius=10.0)\nwhat_if",
    "one thread": "torch.set_num_threads(1)",
    "two threads": "torch.set_num_threads(2)",
    "bounds": """
def median(call, times=9):
    took = []
    for _ in range(times):
        wall, work = time.perf_counter(), time.process_time()
        call()
        took.append((time.perf_counter() - wall, time.process_time() - work))
    wall, work = (1000 * np.median(took, axis=0)).round().astype(int)
    return f"{wall} ms, {work} ms of processor time"
detector.detect([scene]); what_if.wait()
alone = dx.interventions.Experiment(detector, scene, what_if.detections)
print("a plain forward pass", median(lambda: detector.detect([scene])), end="; ")
print("an answer without the browser", median(lambda: alone.ask(what_if.region, controls=0)))""",
    "again": "dx.widgets.Explorer(some, large)",
    "memory": "gc.collect(); print(resident())",
    "again2": "dx.widgets.Comparison(some, large)",
}
NAMES = list(CELLS)


def main() -> None:
    """Open a notebook in JupyterLab, run its cells, and print what they took."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--only", choices=["what-if"], help="measure nothing else")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    cells = [nbformat.v4.new_code_cell(text.replace("THREADS", str(options.threads))) for text in CELLS.values()]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as door:
        nbformat.write(book, Path(folder) / "bench.ipynb")
        with LabServer(Path(folder)) as server:
            browser = door.chromium.launch(executable_path=options.chromium, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(180_000)
            notebook = NotebookPage(page, server, "bench.ipynb")
            notebook.run_cell(NAMES.index("begin"))
            for threads in ("one thread", "two threads"):
                _ask(notebook, threads)
            if not options.only:
                _measure(notebook, options.runs)
            browser.close()


ANSWERED = """root => new Promise(resolve => {
    const before = root.dataset.answer;
    let begun = 0, first = 0;
    document.addEventListener("pointerup", () => (begun = performance.now()), { capture: true, once: true });
    const seen = new MutationObserver(() => {
        if (root.dataset.answer === before || root.dataset.ready !== "true") return;
        first ||= performance.now() - begun;
        if (root.dataset.elsewhere !== "known") return;
        seen.disconnect();
        resolve({ first, complete: performance.now() - begun });
    });
    seen.observe(root, { attributes: true });
})"""


def _ask(notebook: NotebookPage, threads: str, strokes: int = 12) -> None:
    """From the end of a stroke to the picture with the answer, on the bundled detector."""
    page: Any = notebook.page
    notebook.run_cell(NAMES.index(threads))
    notebook.run_cell(NAMES.index("what-if"))
    root = page.locator(".dx-what-if[data-ready=true]")
    root.wait_for(state="attached")
    root.scroll_into_view_if_needed()
    took = []
    for number in range(strokes):
        box = root.locator("canvas.dx-canvas").bounding_box()
        x, y = box["x"] + box["width"] * (0.1 + 0.06 * number), box["y"] + 0.3 * box["height"]
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 30, y + 20, steps=4)
        page.evaluate(f"window.timed = ({ANSWERED})(document.querySelector('.dx-what-if')); null")
        page.mouse.up()
        took.append(page.evaluate("window.timed"))
    print(f"WhatIf on tiny-fcos, {strokes} strokes, {threads}:")
    for name, what in (("first", "the answer on screen"), ("complete", "all of it")):
        ordered = sorted(one[name] for one in took)
        print(
            f"  from the stroke's end to {what}: median {ordered[strokes // 2]:.0f} ms, "
            f"fastest {ordered[0]:.0f} ms, slowest {ordered[-1]:.0f} ms"
        )
    print(f"  {notebook.run_cell(NAMES.index('bounds')).strip()}")


def _measure(notebook: NotebookPage, runs: int) -> None:
    page: Any = notebook.page

    def run(name: str) -> str:
        return notebook.run_cell(NAMES.index(name)).strip()

    work, began = float(run("work")), time.monotonic()
    run("many")
    page.locator(".dx-comparison[data-shown^=odam]").wait_for(state="attached")
    wall = time.monotonic() - began
    work = float(run("work")) - work
    print(f"Comparison of 100 objects, first row painted: {wall:.2f} s, {work:.2f} s of processor time in the kernel")
    print("SanityCheck as it comes:", run("check"))
    print("SanityCheck of D-RISE, cancelled:", run("cancel"))
    print("Still pictures of 12 megapixels:", run("still").replace("\n", "; "))
    for name in ("again", "again2"):
        run(name)
        before = float(run("memory"))
        for _ in range(runs):
            run(name)
            page.wait_for_timeout(500)
        after = float(run("memory"))
        print(f"{CELLS[name]} of 12 megapixels run again: {(after - before) / runs:.1f} MiB a run")


if __name__ == "__main__":
    main()
