"""Who sees what in which order: counterbalanced by Latin squares, no object twice for one person, seeded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Turn = tuple[str, tuple[int, ...]]
"""An item's name, and which of its options stand at A, B, C and so on."""


def latin_square(size: int) -> list[tuple[int, ...]]:
    """Return a balanced Latin square: every option at every place equally often, and after every other equally often.

    Args:
        size: the number of options, 1 or more.

    Returns:
        ``size`` rows if it is even or 1, else twice as many: an odd square is balanced only with its mirror image.

    Raises:
        ValueError: if ``size`` is less than 1.

    Example:
        >>> latin_square(4)
        [(0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1)]

    References:
        Williams, "Experimental designs balanced for the estimation of residual effects of treatments" (1949).
    """
    if size < 1:
        raise ValueError(f"a Latin square has at least one option, got {size}")
    first = [(place + 1) // 2 if place % 2 else (size - place // 2) % size for place in range(size)]
    rows = [tuple((one + shift) % size for one in first) for shift in range(size)]
    return rows if size % 2 == 0 or size == 1 else [*rows, *(row[::-1] for row in rows)]


def deal_items(
    items: Mapping[str, Sequence[tuple[str, int]]],
    codes: Sequence[str],
    per_seat: Mapping[str, int],
    random: np.random.Generator,
) -> dict[str, tuple[Turn, ...]]:
    """Return what each seat is shown.

    Items are dealt in turn, so that all are seen equally often. A seat sees one option of a "draw" item, a Latin square
    over items and rounds; of other items all options, at letters that a balanced Latin square gives.

    Args:
        items: by kind the items, each with its number of options.
        codes: of the seats.
        per_seat: by kind how many items one seat is asked about, at most as many as there are.
        random: draws the order of the items of each kind and the first row of each item's square.

    Returns:
        By seat code its turns, kind after kind.

    Raises:
        ValueError: if a seat is to be asked about more items than there are.
    """
    plan: dict[str, list[Turn]] = {code: [] for code in codes}
    for kind, members in items.items():
        count = per_seat[kind]
        if not 1 <= count <= len(members):
            raise ValueError(f"a seat is asked about 1 to {len(members)} items of the kind {kind!r}, got {count}")
        starts = random.integers(0, 2**31, len(members))
        shown = np.zeros(len(members), int)
        for seat, code in enumerate(codes):
            turns = []
            for number in ((np.arange(count) + seat * count) % len(members)).tolist():
                name, options = members[number]
                if kind == "draw":
                    order: tuple[int, ...] = ((number + int(shown[number])) % options,)
                else:
                    rows = latin_square(options)
                    order = rows[int(starts[number] + shown[number]) % len(rows)]
                shown[number] += 1
                turns.append((name, order))
            plan[code] += [turns[place] for place in random.permutation(count)]
    return {code: tuple(turns) for code, turns in plan.items()}
