"""Plain values of files that may come from anybody: small, strict JSON with a checksum, read whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

CHECKSUM = "checksum"


def checksum(value: Any) -> str:
    """Return 16 hexadecimal digits that differ if the value does.

    Args:
        value: a plain value.

    Returns:
        The digits.
    """
    return hashlib.blake2b(_canonical(value), digest_size=8).hexdigest()


def file_content(fields: Mapping[str, Any]) -> bytes:
    """Return the content of a file.

    Args:
        fields: plain values by name.

    Returns:
        JSON in UTF-8, with a checksum of the fields.
    """
    whole = {**fields, CHECKSUM: checksum(fields)}
    return json.dumps(whole, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n"


def file_fields(content: bytes, what: str, form: str) -> dict[str, Any]:
    """Return the fields of a file.

    Args:
        content: its bytes.
        what: what it should be, for the error message, such as "answers".
        form: the ``format`` that this version reads.

    Returns:
        The fields, without the checksum.

    Raises:
        ValueError: for anything else than a whole file of this format.
    """
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no file of {what}: {str(error)[:200]}") from error
    if not isinstance(found, dict) or found.get("format") != form:
        given = str(found.get("format"))[:40] if isinstance(found, dict) else type(found).__name__
        raise ValueError(f"this is no file of {what}: its format is {given!r}, and this version reads {form!r}")
    said = found.pop(CHECKSUM, None)
    if said != checksum(found):
        raise ValueError(f"this file of {what} was changed or damaged: its checksum does not fit; hand it in once more")
    return found


def read_limited(path: Path, what: str, limit: int) -> bytes:
    """Return the content of a file that is not too large.

    Args:
        path: the file.
        what: what it should be, for the error message.
        limit: the most bytes that are read.

    Returns:
        Its bytes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is larger, or no file that can be read.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path} of {what}")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a device, and a file of {what} was expected")
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} is larger than {limit / 1000:g} kB, so it is no file of {what}")
    return content


def printable(text: str, longest: int = 300) -> str:
    """Return what somebody else wrote, or called a file, as one line that a terminal only shows.

    Args:
        text: any text.
        longest: characters of what is returned.

    Returns:
        The text, with a space for each character that does not print.
    """
    return "".join(one if one.isprintable() else " " for one in text)[:longest]


def take(fields: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """Return a field of the expected type.

    Args:
        fields: what was read.
        name: of the field.
        kind: its type; a truth value counts as no number.

    Returns:
        Its value.

    Raises:
        ValueError: if it is missing or of another type.
    """
    value = fields.get(name)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if name not in fields or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(one.__name__ for one in kinds)
        raise ValueError(f"its field {name!r} should be {expected}, got {str(value)[:40]!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"its field {name!r} is not finite")
    return value


def only(fields: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise an error if there are other fields than these.

    Args:
        fields: what was read.
        names: of the fields.

    Raises:
        ValueError: naming the first that does not belong there, or the first that is missing.
    """
    wanted = set(names)
    if other := sorted(set(fields) - wanted):
        raise ValueError(f"its field {other[0][:40]!r} does not belong there")
    if missing := sorted(wanted - set(fields)):
        raise ValueError(f"its field {missing[0]!r} is missing")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice")
    return found
