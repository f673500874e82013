"""What it costs to say where arrays lie, and to send them as text: bytes and time of the message that opens a widget.

python tests/bench/bench_transport.py [--times 40]

Each row in turn, all in one run: a widget's state as it is ("plain"), with the places and lengths of its arrays, as
every host is sent it ("bytes"), and in base64, as a host is sent it that loses bytes ("text"). The time is the kernel's
processor time, from the traits to JSON and arrays, the median; beside it its share of the plain one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ipywidgets.widgets.widget import Widget, _remove_buffers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

import crowd

import detxai_nb as dx

LEFT_OUT = {"_esm", "_css"}
"""The front end's own text, the same whatever is shown."""


def message(state: dict[str, Any]) -> tuple[int, int]:
    """Bytes of JSON and of arrays of the message with this state."""
    plain, paths, arrays = _remove_buffers({name: value for name, value in state.items() if name not in LEFT_OUT})
    text = json.dumps({"state": plain, "buffer_paths": paths}, default=str)
    return len(text.encode()), sum(memoryview(one).nbytes for one in arrays)


def ways(widget: Any) -> dict[str, Callable[[], dict[str, Any]]]:
    """By name how a widget's state is made."""

    def carried(as_text: bool) -> dict[str, Any]:
        widget._bytes_as_text = as_text
        state: dict[str, Any] = widget.get_state()
        return state

    return {
        "plain": lambda: Widget.get_state(widget),
        "bytes": lambda: carried(False),
        "text": lambda: carried(True),
    }


def main() -> None:
    """Print bytes and time of each widget's opening message, each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=40)
    times = parser.parse_args().times
    scene = dx.data.scenes.make(2, 11).image
    large = np.asarray(crowd.photograph(3000, 4000))
    widgets = {
        "Explorer, 8 objects, 12 megapixels": dx.widgets.Explorer(crowd.Crowd(8), large),
        "Explorer, 100 objects, 320 x 320": dx.widgets.Explorer(crowd.Crowd(100), scene),
        "Comparison, 100 objects, 320 x 320": dx.widgets.Comparison(crowd.Crowd(100), scene),
        "Perturbation, 8 objects, 12 megapixels": dx.widgets.Perturbation(crowd.Crowd(8), large),
    }
    for title, widget in widgets.items():
        widget.wait()
        made = ways(widget)
        took: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(times):
            for name, state in made.items():
                began = time.process_time()
                message(state())
                took[name].append(time.process_time() - began)
        print(title)
        before = float(np.median(took["plain"]))
        for name, state in made.items():
            text, arrays = message(state())
            middle = float(np.median(took[name]))
            size = f"{text / 1e3:9.1f} kB of JSON, {arrays / 1e3:8.1f} kB of arrays"
            print(f"  {name}: {size}, {1000 * middle:6.2f} ms, {middle / before:.2f} of plain")
        widget.close()


if __name__ == "__main__":
    main()
