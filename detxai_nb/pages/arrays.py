"""State of widgets as JSON: arrays are taken out of it, so that each is on a page once, compressed and in base64."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

Place = tuple[str | int, ...]
_WORTH_IT = 0.9
"""Of its size; a photograph that is compressed already is left as it is."""


class ArrayTable:
    """The arrays of a page, each distinct one once."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._payload: list[dict[str, Any]] = []

    def number(self, content: bytes) -> int:
        """Return the number of an array, which is added if it is new.

        Args:
            content: its bytes.

        Returns:
            Its number, from 0.
        """
        digest = hashlib.sha256(content).digest()
        if digest not in self._numbers:
            self._numbers[digest] = len(self._payload)
            small = zlib.compress(content, 9)
            packed = len(small) < _WORTH_IT * len(content)
            text = base64.b64encode(small if packed else content).decode("ascii")
            self._payload.append({"data": text, "packed": packed})
        return self._numbers[digest]

    def to_payload(self) -> list[dict[str, Any]]:
        """Return the arrays, by number.

        Returns:
            Of each "data", its bytes in base64, and "packed": whether they are compressed by zlib.
        """
        return list(self._payload)


def take_out_arrays(value: Any, table: ArrayTable, places: list[tuple[Place, int]], place: Place = ()) -> Any:
    """Return a value that JSON can hold, and note where its arrays belong.

    Args:
        value: mappings, sequences, texts, numbers and bytes, as the traits of a widget have them.
        table: where arrays go.
        places: filled with the place of each array in the value, and its number.
        place: that of ``value`` itself.

    Returns:
        The same with None for each array, and for numbers that are not finite, which JSON does not have.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        places.append((place, table.number(bytes(value))))
        return None
    if isinstance(value, Mapping):
        return {str(key): take_out_arrays(one, table, places, (*place, str(key))) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [take_out_arrays(one, table, places, (*place, number)) for number, one in enumerate(value)]
    if not isinstance(value, (str, int, float, bool, type(None))) and hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_in_html(value: Any) -> str:
    """Return JSON that can stand in a script element of a page, whatever texts are in it.

    Args:
        value: what JSON can hold.

    Returns:
        JSON without "<", "&" and the line ends that only JavaScript knows; it is read back as the same value.

    Example:
        >>> json_in_html({"name": "</script><b>"})
        '{"name":"\\\\u003c/script>\\\\u003cb>"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
