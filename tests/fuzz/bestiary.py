"""Bad values, and ways to damage texts, trees and bytes; everything follows from a seeded random generator."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

PLAIN: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    7,
    2**31,
    2**63,
    10**400,
    -(2**70),
    0.5,
    -0.0,
    1e8,
    -1e9,
    1e300,
    float("nan"),
    float("inf"),
    "",
    " ",
    "a",
    "nan",
    "1e9",
    "../../etc/passwd",
    "..\\x.png",
    "/etc/passwd",
    "C:\\x.png",
    "https://[x/a.png",
    "x\0y",
    "\ud800",
    "\u202e<script>",
    "x" * 5000,
    [],
    [[]],
    [None],
    [1, 2],
    [1, 2, 3, "four"],
    [[1, 1, 1e8, 1, 10, 10]],
    [[1, 1, 5, 5]],
    [1e9] * 6,
    {},
    {"a": 1},
    {"size": [8, 12], "counts": "zz~~"},
    {"size": [8, 12], "counts": [96]},
    {"size": [2**31, 2**31], "counts": [2**62]},
    {"size": [8, 12], "counts": "0" * 9999},
    {"size": [8, 12], "counts": [-1, 97]},
)
"""Values that a JSON text can hold."""


def foreign() -> tuple[Any, ...]:
    """Values that only Python has, new ones at each call."""
    return (
        (),
        set(),
        b"",
        b"\x89PNG",
        object(),
        int,
        lambda: 1,
        range(3),
        iter([1]),
        complex(1, 2),
        Path("/nowhere/at/all.png"),
        Path("/"),
        slice(None),
        np.float64("nan"),
        np.int8(-3),
        np.asmatrix(np.zeros((4, 5), np.uint16)),
        np.zeros((0, 4)),
        np.zeros((1, 5, 3), np.uint8),
        np.zeros((3, 4, 5, 6)),
        np.full((4, 5), np.nan),
        np.zeros((4, 5), object),
        np.zeros((4, 5), complex),
        np.array("x"),
        np.ma.masked_array(np.zeros((4, 5)), mask=True),
        torch.zeros(0),
        torch.zeros(()),
        torch.full((2, 4), torch.nan),
        torch.zeros(4, 5, device="meta"),
        torch.zeros(4, 5).to_sparse(),
        torch.zeros(3, 4, 5, dtype=torch.bfloat16),
        torch.zeros(3, 4, dtype=torch.complex64),
        torch.tensor([10**12, -1]),
        torch.tensor([True, False]),
    )


def beast(random: Random) -> Any:
    """Any bad value."""
    return random.choice([*PLAIN, *foreign()])


def damaged(content: bytes, random: Random) -> bytes:
    """Bytes with a few of them flipped, cut off, doubled or overwritten."""
    data = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        if not data:
            break
        at = random.randrange(len(data))
        kind = random.randrange(6)
        if kind <= 1:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            del data[at : at + random.choice([1, 4, 50, len(data)])]
        elif kind == 3:
            data[at:at] = data[max(0, at - random.choice([1, 8, 60])) : at]
        elif kind == 4:
            number = random.choice([0, 1, 255, 2**16, 2**31 - 1, 2**32 - 1]) % 2**32
            data[at : at + 4] = number.to_bytes(4, random.choice(["little", "big"]))
        else:
            data[at : at + 8] = random.randbytes(8)
    return bytes(data)


def changed(tree: Any, random: Random) -> Any:
    """A tree of dicts and lists in which a few values are others, gone or doubled."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        kind = random.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif kind == 2 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = random.choice([str(holder[key]), -holder[key], holder[key] * 10**9, holder[key] + 0.5])
        else:
            holder[key] = copy.deepcopy(random.choice(PLAIN))
    return tree


def _places(tree: Any) -> Any:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
