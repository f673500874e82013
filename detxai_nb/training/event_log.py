"""Curves of a training in TensorBoard's file format, written without TensorBoard."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

_POLYNOMIAL = 0x82F63B78


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE = _table()


def masked_crc32c(data: bytes) -> int:
    """Return the checksum of TensorFlow's record files: CRC-32C, rotated by 15 bits, plus a constant.

    Args:
        data: any bytes.

    Returns:
        32 bits.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class EventLog:
    """A file of scalars by step, which ``tensorboard --logdir FOLDER`` shows as curves.

    Every value is on the disk when ``write`` returns. A training that goes on writes a second file into the same
    folder; TensorBoard shows both as one curve.

    Args:
        folder: where the file is made; the folder exists.
    """

    def __init__(self, folder: Path) -> None:
        begun = time.time()
        number = 0
        # The names sort by time, and TensorBoard reads them in this order.
        while (path := folder / f"events.out.tfevents.{begun:017.6f}.{number}.detxai-nb").exists():
            number += 1
        self.path = path
        self._append(_double(1, begun) + _bytes(3, b"brain.Event:2"))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append scalars.

        Args:
            step: of the training.
            values: by name; a "/" in a name makes a group.
        """
        each = (_bytes(1, _bytes(1, name.encode()) + _float(2, value)) for name, value in values.items())
        self._append(_double(1, time.time()) + _number(2, step) + _bytes(5, b"".join(each)))

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        record = length + struct.pack("<I", masked_crc32c(length)) + event + struct.pack("<I", masked_crc32c(event))
        with self.path.open("ab") as file:
            file.write(record)


# The wire format of protocol buffers: a field's number and kind, then its value.


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)
