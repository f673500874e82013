"""State as JSON, with its arrays taken out: read back it is the same, and no text leaves its script element."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from detxai_nb.pages.arrays import ArrayTable, json_in_html, take_out_arrays

HOSTILE = "</script><img src=x onerror=alert(1)><!-- & \u2028 \u2029 ]]> \\u003c"


def put_back(value: Any, places: list[Any], table: ArrayTable) -> Any:
    """What the page's script does."""
    arrays = []
    for one in table.to_payload():
        content = base64.b64decode(one["data"])
        arrays.append(zlib.decompress(content) if one["packed"] else content)
    for path, number in places:
        at = value
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = arrays[number]
    return value


def test_state_is_read_back_as_it_was() -> None:
    noise = np.random.default_rng(0).bytes(1000)
    state = {
        "map": {"values": b"\0" * 5000, "sets": [{"data": noise}, {"data": bytearray(b"ab")}]},
        "again": memoryview(b"\0" * 5000),
        "names": ["a", HOSTILE, "\U0001f600"],
        "numbers": [1, 2.5, True, None, np.float32(0.5), np.int64(3)],
        "$buffer": {"0": "key"},
    }
    table, places = ArrayTable(), []
    plain = json.loads(json_in_html(take_out_arrays(state, table, places)))
    read = put_back(plain, json.loads(json_in_html(places)), table)
    assert read["map"]["values"] == b"\0" * 5000 == read["again"]
    assert [one["data"] for one in read["map"]["sets"]] == [noise, b"ab"]
    assert read["names"] == state["names"]
    assert read["numbers"] == [1, 2.5, True, None, 0.5, 3]
    assert read["$buffer"] == {"0": "key"}
    packed = [one["packed"] for one in table.to_payload()]
    assert packed == [True, False, False], "equal arrays are there once, and noise is not made larger"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float64("-inf")])
def test_numbers_that_json_lacks_are_null(number: float) -> None:
    assert take_out_arrays({"a": [number]}, ArrayTable(), []) == {"a": [None]}


def test_no_text_leaves_its_script_element() -> None:
    text = json_in_html({HOSTILE: HOSTILE})
    assert json.loads(text) == {HOSTILE: HOSTILE}
    for wrong in ("<", "&", "\u2028", "\u2029"):
        assert wrong not in text
