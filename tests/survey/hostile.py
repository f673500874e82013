"""What somebody might hand in instead of answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from detxai_nb.survey import SeatAnswers
from detxai_nb.survey.codes import draw_codes
from detxai_nb.survey.plain import file_content


def hostile(one: SeatAnswers) -> dict[str, bytes]:
    """By name what somebody might hand in instead of the answers of this seat."""
    fields = json.loads(one.to_bytes())
    del fields["checksum"]

    def changed(**new: Any) -> bytes:
        return file_content({**fields, **new})

    def first(**new: Any) -> bytes:
        return changed(answers=[{**fields["answers"][0], **new}, *fields["answers"][1:]])

    return {
        "ten megabytes": b'{"format": "' + b"a" * 10_000_000 + b'"}',
        "ten megabytes of spaces behind": one.to_bytes() + b" " * 10_000_000,
        "another study's": changed(study="0" * 16),
        "a page as study": changed(study="<script>alert(1)</script>"),
        "a path as code": changed(seat="../../x"),
        "an absolute path as code": changed(seat="/etc/pwd"),
        "a seat that is not there": changed(seat=draw_codes(1, np.random.default_rng(77))[0]),
        "a page in a choice": first(choice="<img src=x onerror=alert(1)>"),
        "a page in an item": first(item="<b>i00</b>"),
        "a page in seconds": first(seconds="<b>1</b>"),
        "one field more": first(comment="<script>"),
        "a name": changed(name="Anna"),
        "an item that is not there": first(item="i99"),
        "one item twice": changed(answers=fields["answers"][:1] * 2),
        "seconds without an end": first(seconds=1e308),
        "more seconds than a float holds": first(seconds=10**400),
        "a side beyond all floats": first(choice="", box=[0, 0, 10**400, 1], confidence=1),
        "a truth value for seconds": first(seconds=True),
        "no list": changed(answers={"a": 1}),
        "a list of lists": changed(answers=[[1]]),
        "no consent": changed(consent=False),
        "consent in words": changed(consent="yes"),
        "another format": changed(format="detxai-nb answers 99"),
        "wrong checksum": one.to_bytes().replace(b'"seconds": ', b'"seconds": 1', 1),
        "no checksum": json.dumps(fields).encode(),
        "NaN": json.dumps(fields).encode().replace(b'"seconds": ', b'"seconds": NaN, "x": ', 1),
        "a field twice": one.to_bytes().replace(b"{", b'{"seat": "x", ', 1),
        "endless nesting": b"[" * 150_000,
        "a huge number": b'{"a": ' + b"9" * 100_000 + b"}",
        "half a file": one.to_bytes()[: len(one.to_bytes()) // 2],
        "no text": b"\xff\xfe\x00",
        "nothing": b"",
    }
