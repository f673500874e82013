"""How long a widget lives: until it is closed, or until its cell is run again; and how a process ends."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
import stub

import detxai_nb as dx
from detxai_nb.detectors import load_detector

KINDS = (
    "Comparison",
    "Discrimination",
    "Explorer",
    "NmsExplorer",
    "Perturbation",
    "Predict",
    "SanityCheck",
    "ScoreThreshold",
    "Survey",
    "TinyObjects",
    "WhatIf",
)


def shown(kind: str, detector: Any, image: np.ndarray) -> Any:
    """A widget over one object, that has been shown and has computed."""
    if kind == "TinyObjects":
        widget: Any = dx.widgets.TinyObjects(detector, image)
    elif kind == "Predict":
        widget = dx.widgets.Predict("Where?", kind="point", image=image)
    elif kind == "Survey":
        widget = dx.widgets.Survey(dx.survey.rehearsal_study(seats=1, objects=1))
    else:
        widget = getattr(dx.widgets, kind)(detector, image, detector.detect([image], 0.0)[0][:1])
    getattr(widget, "wait", lambda seconds: None)(60)
    widget._repr_mimebundle_()
    return widget


def test_every_kind_is_tried() -> None:
    assert set(KINDS) == set(dx.widgets.__all__)


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_widget_lets_go_of_itself_its_photograph_and_its_detector(kind: str) -> None:
    detector, image = load_detector("tiny-fcos", device="cpu"), dx.data.scenes.make(1, 3).image[:96, :96].copy()
    widget = shown(kind, detector, image)
    left = [weakref.ref(widget), weakref.ref(detector.module), weakref.ref(image)]
    widget.close()
    del widget, detector, image
    gc.collect()
    assert [ref() for ref in left] == [None, None, None]


class Kernel:
    """A real kernel, in which cells are run as JupyterLab runs them: with the cell's identifier."""

    def __init__(self) -> None:
        manager = pytest.importorskip("jupyter_client.manager")
        self.manager, self.client = manager.start_new_kernel(kernel_name="python3")
        self.run("setup", f"import sys; sys.path.insert(0, {str(Path(stub.__file__).parent)!r})")
        self.run("setup", "import gc, weakref, stub, detxai_nb as dx; made = []")

    def run(self, cell: str, code: str, **about: Any) -> str:
        """What running that code in that cell prints."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", {**content, "stop_on_error": True})
        message["metadata"] = {"cellId": cell, **about}
        self.client.shell_channel.send(message)
        said = ""
        while True:
            got = self.client.get_iopub_msg(timeout=60)
            if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if got["msg_type"] == "error":
                raise AssertionError("\n".join(got["content"]["traceback"]))
            if got["msg_type"] == "stream":
                said += got["content"]["text"]
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                self.client.get_shell_msg(timeout=60)
                return said

    def alive(self) -> list[int]:
        """The numbers of the widgets in ``made`` that are still there."""
        found: list[int] = ast.literal_eval(self.run("asks", "print([i for i, ref in enumerate(made) if ref()])"))
        self.run("asks", "made.clear()")
        return found


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    started = Kernel()
    process = started.manager.provisioner.process
    yield started
    started.client.stop_channels()
    started.manager.shutdown_kernel(now=True)
    # On a busy machine the manager gives up after 5 s, and leaves a process that nobody has waited for.
    process.wait(60)


MAKE = "w = dx.widgets.Explorer(stub.StubDetector(), stub.photograph()); made.append(weakref.ref(w))"
CASES: dict[str, tuple[Callable[[Kernel], Any], list[int]]] = {
    "a variable that is assigned again": (lambda k: [k.run("a", f"{MAKE}; display(w)") for _ in range(3)], [2]),
    "a result that IPython keeps": (
        lambda k: [k.run("a", f"{MAKE}; v = w; del w, v; made[-1]()") for _ in range(3)],
        [2],
    ),
    "held in a list": (
        lambda k: [k.run("a", f"keep = [*globals().get('keep', []), 0]; {MAKE}; keep[-1] = w; w") for _ in "ab"],
        [0, 1],
    ),
    "shown by another cell too": (
        lambda k: [k.run("a", f"{MAKE}; display(w)"), k.run("b", "w"), k.run("a", f"{MAKE}; display(w)")],
        [0, 1],
    ),
    "that cell is deleted": (
        lambda k: [k.run("a", f"{MAKE}; display(w); del w"), k.run("b", "0", deletedCells=["a"])],
        [],
    ),
    "never shown": (lambda k: [k.run("a", MAKE), k.run("a", MAKE), k.run("a", "pass")], [1]),
    "made by one cell and shown by another": (lambda k: [k.run("a", MAKE), k.run("b", "w"), k.run("a", MAKE)], [0, 1]),
    "while it computes": (
        lambda k: (
            [
                k.run(
                    "a",
                    "w = dx.widgets.Explorer(stub.StubDetector(pause={'x1': 0.2}), stub.photograph()); "
                    "made.append(weakref.ref(w)); w.target = 'x1'; display(w)",
                )
                for _ in "ab"
            ]
            + [k.run("b", "import time; time.sleep(0.6)"), k.run("b", "0")]
        ),
        [1],
    ),
}
"""By what becomes of a widget: how, and which are alive afterwards."""


@pytest.mark.parametrize("case", CASES)
def test_a_cell_that_is_run_again_lets_go_of_what_it_showed(kernel: Kernel, case: str) -> None:
    act, expected = CASES[case]
    act(kernel)
    assert kernel.alive() == expected
    kernel.run("a", "globals().pop('w', None); globals().pop('keep', None)")


def test_a_widget_that_somebody_holds_still_answers_the_browser(kernel: Kernel) -> None:
    kernel.run("c", "held = dx.widgets.Explorer(stub.StubDetector(), stub.photograph()); box = [held]; held")
    kernel.run("c", "del held")
    answer = kernel.run(
        "d",
        "import ipywidgets; found = ipywidgets.widgets.widget._instances[box[0].model_id] is box[0]; "
        "data = {'method': 'update', 'state': {'selected': 2}, 'buffer_paths': []}; "
        "box[0].comm.handle_msg({'content': {'data': data}, 'buffers': []}); print(found, box[0].selected)",
    )
    assert answer == "True 2\n"


END = """
import sys, time; sys.path.insert(0, sys.argv[1])
import stub, detxai_nb as dx
detector = stub.StubDetector(pause={"x1": 0.05})
widget = dx.widgets.Explorer(detector, stub.photograph())
widget.target = "x1"
print(widget.status["state"])
"""


def test_a_process_that_ends_while_a_widget_computes_ends_well() -> None:
    folder = str(Path(stub.__file__).parent)
    ended = subprocess.run([sys.executable, "-c", END, folder], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "busy\n", "")


class Comm:
    """As marimo has it, which closes it where a cell is run again or deleted."""

    __module__ = "marimo._plugins.ui._impl.comm"

    comm_id = "one"

    def __init__(self) -> None:
        self.closed = 0

    def on_msg(self, callback: Any) -> None:
        pass

    def send(self, *_: Any, **__: Any) -> None:
        pass

    def close(self, *_: Any, **__: Any) -> None:
        self.closed += 1


@pytest.mark.parametrize("by", ["marimo", "the person"])
def test_a_widget_ends_with_its_comm_in_marimo(by: str) -> None:
    widget, comm = dx.widgets.Explorer(stub.StubDetector(), stub.photograph()), Comm()
    ipywidgets.widgets.widget._instances.pop(widget.model_id)
    widget.comm.close()
    widget.comm = comm
    for _ in range(2):
        widget._repr_mimebundle_()
    (comm if by == "marimo" else widget).close()
    assert (widget.comm, comm.closed >= 1, len(widget._worker.kept)) == (None, True, 0)
    kept = weakref.ref(widget)
    del widget
    gc.collect()
    assert kept() is None
    comm.close()
