"""Which files an ONNX model keeps its weights in: read off the file's structure, without loading it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "tensor": {13: "entry"},
}
"""By the kind of a protocol buffer's message in an ONNX file, the kinds of those in its fields, as onnx.proto says."""
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_NAME = 255
_DEEPEST = 100
"""Messages inside each other: as many as protocol buffers' own readers allow."""


def external_files(path: Path) -> tuple[Path, ...]:
    """Return the files besides it that an ONNX model keeps tensors in.

    A model may name any file as the place of a tensor. Here they lie in the model's folder, or beside the file that the
    model is a link to, as in the cache of the Hugging Face hub.

    Args:
        path: the model, a file that exists.

    Returns:
        The files, sorted by name.

    Raises:
        ValueError: if the file is no ONNX model or not whole, or names a file outside of its folder.
        FileNotFoundError: if one of them is missing.
    """
    try:
        names = sorted(set(_locations(path)))
    except _Damaged as error:
        raise ValueError(f"{path} is no ONNX model, or not whole; export or download it again") from error
    return tuple(_inside(path, name) for name in names)


class _Damaged(Exception):
    """The file is no message of this kind."""


def _inside(path: Path, name: str) -> Path:
    """The file of a name beside the model."""
    lexical = os.path.normpath(name.replace("\\", "/"))
    parts = lexical.split("/")
    outside = os.path.isabs(lexical) or parts[0] in ("..", "") or ":" in parts[0]
    # What no file could be called lies nowhere.
    outside = outside or "\0" in name or max(len(os.fsencode(part)) for part in parts) > _LONGEST_NAME
    found = path.parent / lexical
    if not outside:
        homes = [path.parent.resolve(), path.resolve().parent]
        outside = not any(found.resolve().is_relative_to(home) for home in homes)
    if outside:
        raise ValueError(
            f"{path} is refused: it asks for weights from {name[:100]!r}, outside of its own folder {path.parent}; "
            "take the model and its data from their maker, in one folder"
        )
    if not found.is_file():
        raise FileNotFoundError(
            f"{path.name} keeps its weights in {name[:100]!r}, and there is no such file beside it in {path.parent}; "
            "copy both files into one folder (an export with external_data=False writes a single one)"
        )
    return found


def _locations(path: Path) -> Iterator[str]:
    """The names of the files that tensors are kept in."""
    if path.stat().st_size == 0:
        raise _Damaged
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        graphs = 0
        waiting = [("model", 0, len(content), 0)]
        while waiting:
            kind, start, end, depth = waiting.pop()
            known = _MESSAGES.get(kind, {})
            entry: dict[int, tuple[int, int]] = {}
            for field, begin, stop in _fields(content, start, end):
                if kind == "entry":
                    entry[field] = (begin, stop)
                elif field in known:
                    graphs += known[field] == "graph"
                    waiting.append((known[field], begin, stop, depth + 1))
            if depth > _DEEPEST:
                raise _Damaged
            if entry.keys() >= {1, 2} and content[slice(*entry[1])] == b"location":
                yield content[slice(*entry[2])].decode("utf-8", "surrogateescape")
        if not graphs:
            raise _Damaged


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number, first byte and end of each field of a message that has a length, such as a text or a message."""
    at = start
    while at < end:
        key, at = _varint(content, at, end)
        length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(key & 7, 0)
        if key & 7 == _VARINT:
            _, at = _varint(content, at, end)
        elif key & 7 == _LENGTH:
            length, at = _varint(content, at, end)
        elif not length:
            raise _Damaged
        if at + length > end:
            raise _Damaged
        if key & 7 == _LENGTH:
            yield key >> 3, at, at + length
        at += length


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A whole number of up to ten bytes, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _Damaged
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _Damaged
