"""Curves in TensorBoard's format, read back by the format's own rules."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from detxai_nb.training.event_log import EventLog, masked_crc32c


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a protocol-buffer message: varints, doubles, floats and bytes."""
    found: list[tuple[int, Any]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((number, varint()))
        elif kind == 2:
            length = varint()
            found.append((number, data[at : at + length]))
            at += length
        else:
            code, size = {1: ("<d", 8), 5: ("<f", 4)}[kind]
            found.append((number, struct.unpack(code, data[at : at + size])[0]))
            at += size
    return found


def events(path: Path) -> list[dict[int, Any]]:
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack("<Q", data[at : at + 8])
        assert struct.unpack("<I", data[at + 8 : at + 12])[0] == masked_crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack("<I", data[at + 12 + length : at + 16 + length])[0] == masked_crc32c(body)
        found.append(dict(fields(body)))
        at += 16 + length
    return found


def test_the_checksum_is_that_of_the_standard() -> None:
    # CRC-32C of "123456789" is 0xE3069283 (RFC 3720), masked as in TensorFlow's record files.
    crc = 0xE3069283
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_scalars_come_back(tmp_path: Path) -> None:
    log, again = EventLog(tmp_path), EventLog(tmp_path)
    assert log.path != again.path
    log.write(300, {"loss/consistency": 0.5, "rate": 1e-3})
    log.write(70_000, {"rate": 2e-3})
    first, second, third = events(log.path)
    assert first[3] == b"brain.Event:2"
    assert (second[2], third[2]) == (300, 70_000)
    assert third[1] >= second[1] >= first[1] > 1e9
    values = [dict(fields(value)) for number, value in fields(second[5]) if number == 1]
    assert [value[1] for value in values] == [b"loss/consistency", b"rate"]
    assert [value[2] for value in values] == pytest.approx([0.5, 1e-3])
    assert ".tfevents." in log.path.name
