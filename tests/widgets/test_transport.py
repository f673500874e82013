"""How arrays reach the browser: as bytes, and as text once a front end says that bytes were lost."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import stub
from test_life import KINDS, shown

import detxai_nb as dx
from detxai_nb.detectors import load_detector
from detxai_nb.widgets.shared.transport import LENGTHS, PROBE, has_bytes, to_carry

LOST = {"type": "bytes lost"}


class Wire:
    """What a widget sends: each message as JSON and bytes."""

    def __init__(self, widget: Any) -> None:
        self.widget, self.sent = widget, []
        widget.comm.send = self._send

    def _send(self, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.sent.append((json.loads(json.dumps(data)), [bytes(one) for one in buffers or []]))

    def tell(self, content: Any) -> None:
        """What the front end says, as the kernel hands it on."""
        data = {"method": "custom", "content": content}
        self.widget._handle_msg({"content": {"data": data}, "buffers": []})

    def values(self) -> dict[str, Any]:
        """What has arrived by now, the last of each trait, with arrays in their places."""
        found: dict[str, Any] = {}
        for data, buffers in self.sent:
            if data["method"] != "update":
                continue
            for path, one in zip(data["buffer_paths"], buffers):
                put(data["state"], path, one)
            found.update({name: decoded(value) for name, value in data["state"].items()})
        return found


def put(at: Any, path: Any, one: Any) -> None:
    """Put a value where a path leads."""
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = one


def decoded(value: Any) -> Any:
    """A trait's value as Python has it, from what was sent of it."""
    if not isinstance(value, dict) or LENGTHS not in value:
        return value
    made = json.loads(json.dumps(value, default=lambda one: base64.b64encode(one).decode("ascii")))
    for path, length in made.pop(LENGTHS):
        text: Any = made
        for step in path:
            text = text[step]
        found = base64.b64decode(text, validate=True)
        assert len(found) == length
        put(made, path, found)
    return made


def plain(value: Any) -> Any:
    """A value as it is after JSON, but for its arrays."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def explorer() -> Any:
    return dx.widgets.Explorer(stub.StubDetector(), stub.photograph())


def test_the_places_of_arrays_are_named_and_the_arrays_are_not_copied() -> None:
    values = memoryview(bytearray(b"\x00\xff\x80"))
    sets = {"name": "a", "sets": [{"values": values}, {"values": b""}]}
    carried = to_carry(sets, as_text=False)
    assert carried == {**sets, LENGTHS: [[["sets", 0, "values"], 3], [["sets", 1, "values"], 0]]}
    assert carried["sets"][0]["values"] is values
    assert decoded(to_carry(sets, as_text=True)) == {
        "name": "a",
        "sets": [{"values": b"\x00\xff\x80"}, {"values": b""}],
    }
    for without in ({"name": "a"}, [1, {"a": 2}], "text", None, 3):
        assert to_carry(without, as_text=True) is without


@pytest.mark.parametrize("kind", KINDS)
def test_every_array_of_every_widget_can_be_sent_as_text(kind: str) -> None:
    widget = shown(kind, load_detector("tiny-fcos", device="cpu"), dx.data.scenes.make(2, 3).image[:96, :128].copy())
    before = {name: getattr(widget, name) for name in widget.keys}
    arrays = {name for name, value in before.items() if has_bytes(value)}
    assert all(isinstance(before[name], dict) for name in arrays), "what is no dictionary cannot name its arrays"
    as_bytes = widget.get_state()
    assert all(has_bytes(as_bytes[name]) for name in arrays)
    wire = Wire(widget)
    wire.tell(LOST)
    assert not has_bytes(widget.get_state())
    assert [buffers for _, buffers in wire.sent] == [[]]
    assert wire.values() == {name: plain(before[name]) for name in arrays}
    assert list(wire.sent[0][0]["state"])[-1] == "_probe", "with the probe the front end begins"
    widget.close()


def test_nothing_is_sent_as_text_where_bytes_arrive() -> None:
    widget = explorer()
    wire = Wire(widget)
    widget.target = "x1"
    widget.wait()
    wire.tell({"type": "maps", "key": widget.map_key})
    messages = [(data, buffers) for data, buffers in wire.sent if "map_data" in data.get("state", {})]
    assert sum(bool(buffers) for _, buffers in messages) == 2
    assert base64.b64encode(widget.map_data["values"]).decode() not in json.dumps([data for data, _ in wire.sent])
    widget.close()


def test_once_lost_all_later_results_of_this_widget_come_as_text() -> None:
    widget, other = explorer(), explorer()
    wire, elsewhere = Wire(widget), Wire(other)
    wire.tell(LOST)
    for one in (widget, other):
        one.target = "x1"
        one.wait()
    assert not any(buffers for _, buffers in wire.sent)
    assert wire.values()["map_data"] == plain(widget.map_data)
    assert any(buffers for _, buffers in elsewhere.sent), "another widget is shown by another front end"
    widget.close()
    other.close()


@pytest.mark.parametrize("content", [None, "bytes lost", [], {}, {"type": None}, {"type": ["bytes lost"]}])
def test_other_messages_change_nothing(content: Any) -> None:
    widget = dx.widgets.ScoreThreshold(stub.StubDetector(), stub.photograph())
    Wire(widget)._send  # noqa: B018
    widget._bytes_lost(widget, content, [])
    assert has_bytes(widget.get_state("photo"))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_page_is_the_same_whichever_way_arrays_are_sent(as_text: bool, tmp_path: Any) -> None:
    widget = explorer()
    first = widget.save_html(tmp_path / "first.html").read_bytes()
    if as_text:
        Wire(widget).tell(LOST)
    assert widget.save_html(tmp_path / "second.html").read_bytes() == first
    assert PROBE not in first
    widget.close()
