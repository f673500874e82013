"""The Explorer's computations: kept, superseded, cancelled, failed; from cells, the browser and observers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import stub

import detxai_nb as dx

SECONDS = 20


class Gate(stub.StubDetector):
    """Stops before each object of the named targets until it is let go."""

    def __init__(self, *parts: str) -> None:
        super().__init__()
        self.parts, self.go, self.begun = parts, threading.Event(), threading.Event()

    def trace(self, image: Any, layer: str | None = None) -> Any:
        trace = super().trace(image, layer)
        chunks = trace.chunks

        def waiting(detections: Any, target: Any) -> Iterator[Any]:
            for chunk in chunks(detections, target):
                if target.part in self.parts:
                    self.begun.set()
                    self.go.wait(SECONDS)
                yield chunk

        trace.chunks = waiting
        return trace


def test_selecting_and_going_back_compute_nothing(make: Any) -> None:
    detector = stub.StubDetector()
    widget = make(detector)
    first = widget.map_data
    widget.selected = 2
    assert detector.traces == 1
    widget.target = "x1"
    assert widget.wait(SECONDS)
    assert detector.traces == 2
    assert widget.map_key == "odam|x1||positive"
    sent = widget.map_data
    widget.target = "class"
    assert widget.map_key == first["key"]
    assert detector.traces == 2
    assert widget.map_data is sent, "maps that were sent are not sent again"


def test_a_newer_choice_supersedes_an_older_one(make: Any) -> None:
    detector = Gate("x1")
    widget = make(detector)
    widget.target = "x1"
    assert detector.begun.wait(SECONDS)
    assert widget.status["state"] == "busy"
    assert "left side" in widget.status["text"]
    widget.target = "y1"
    detector.go.set()
    assert widget.wait(SECONDS)
    assert widget.map_key == "odam|y1||positive"
    assert widget.status["state"] == "idle"
    widget.target = "x1"
    assert widget.wait(SECONDS)
    assert widget.map_key == "odam|x1||positive", "what was given up can be asked for again"


def test_cancelling_goes_back_to_what_is_shown(make: Any) -> None:
    detector = Gate("x1")
    widget = make(detector)
    widget.method = "grad-cam"
    assert widget.wait(SECONDS)
    shown = widget.map_key
    widget.target = "x1"
    assert detector.begun.wait(SECONDS)
    widget._message(widget, {"type": "cancel"}, [])
    detector.go.set()
    assert (widget.target, widget.method, widget.map_key) == ("class", "grad-cam", shown)
    assert widget.status["state"] == "idle"
    assert widget.maps.target.part == "class"


def test_progress_is_reported(make: Any) -> None:
    reports = []
    widget = make(stub.StubDetector(pause={"y1": 0.15}))
    widget.observe(lambda change: reports.append(change["new"]), "status")
    widget.target = "y1"
    assert widget.wait(SECONDS)
    counts = [(r["done"], r["total"]) for r in reports if r["state"] == "busy" and r["total"]]
    assert counts == sorted(counts)
    assert all(total == len(stub.BOXES) for _, total in counts)
    assert counts


def test_an_exception_is_shown_in_words_and_the_widget_lives_on(make: Any) -> None:
    widget = make(stub.StubDetector(fails={"x2": "the head is missing"}))
    widget.target = "x2"
    assert widget.wait(SECONDS)
    assert widget.status["state"] == "error"
    assert widget.status["text"] == "ODAM of the right side could not be computed: the head is missing"
    assert widget.map_key == ""
    with pytest.raises(RuntimeError, match="the head is missing"):
        _ = widget.maps
    assert "image/png" in widget._repr_mimebundle_()[0]
    widget.target = "class"
    assert widget.map_key == "odam|class||positive"
    assert widget.status["state"] == "idle"


def test_an_exception_in_the_first_computation_leaves_a_widget(make: Any) -> None:
    widget = make(stub.StubDetector(fails={"class": "no head at all"}))
    assert "no head at all" in widget.status["text"]
    widget.target = "y1"
    assert widget.wait(SECONDS)
    assert widget.map_key == "odam|y1||positive"


def test_the_browser_is_sent_again_what_it_no_longer_holds(make: Any) -> None:
    widget = make()
    widget.target = "x1"
    widget.wait(SECONDS)
    widget.target = "class"
    assert widget.map_data["key"] != widget.map_key
    widget._message(widget, {"type": "maps", "key": widget.map_key}, [])
    assert widget.map_data["key"] == widget.map_key


def test_what_the_browser_sets_arrives_and_computes(make: Any) -> None:
    widget = make()
    widget.set_state({"selected": 1, "opacity": 0.2, "target": "y2"})
    assert widget.wait(SECONDS)
    assert (widget.selected, widget.opacity) == (1, 0.2)
    assert widget.map_key == "odam|y2||positive"


def test_an_observer_may_make_another_widget_while_one_computes(make: Any) -> None:
    detector = stub.StubDetector(pause={"y1": 0.15})
    widget = make(detector)
    widget.target = "y1"
    widget.observe(lambda change: make(stub.StubDetector()), "selected")
    browser = threading.Thread(target=widget.set_state, args=({"selected": 1},), daemon=True)
    browser.start()
    browser.join(SECONDS)
    assert not browser.is_alive()
    assert widget.wait(SECONDS)
    assert widget.map_key == "odam|y1||positive"


@pytest.mark.parametrize("name", ["target", "map_key"])
def test_an_observer_may_ask_for_the_maps(make: Any, name: str) -> None:
    widget = make(stub.StubDetector(pause={"y1": 0.05}))
    heard = []
    widget.observe(lambda change: heard.append(widget.maps.target.part), name)
    browser = threading.Thread(target=widget.set_state, args=({"target": "y1"},), daemon=True)
    browser.start()
    browser.join(SECONDS)
    assert not browser.is_alive(), "waiting for the maps kept them from being published"
    assert widget.wait(SECONDS)
    assert heard == ["y1"]


def test_close_frees_what_was_kept_and_stops_the_work() -> None:
    detector = Gate("x1")
    widget = dx.widgets.Explorer(detector, stub.photograph())
    widget.target = "x1"
    assert detector.begun.wait(SECONDS)
    thread = widget._worker._task.thread
    widget.close()
    detector.go.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert len(widget._worker.kept) == 0
    assert widget.map_key == "odam|class||positive"
