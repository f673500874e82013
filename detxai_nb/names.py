"""One door for class names: a list, or a dict from class numbers as Ultralytics and transformers keep them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ClassNames = Sequence[str] | Mapping[Any, str]
"""What class names can be handed in as: see ``as_names``."""

BACKGROUND = "__background__"
"""What torchvision calls class 0 of detectors that have an output for the background."""

_LONGEST = 1000
_NO_SIGN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

_HOW = "a list with a name for each class, or a dict {number: name}"


def as_names(
    names: Any, outputs: int | None = None, *, owner: str = "a detector", zero: str | None = None
) -> tuple[str, ...]:
    """Return class names as a tuple in the order of the class numbers.

    Args:
        names: a list, tuple or other ordered iterable with a name for each class; or a dict from class numbers (also
            as texts, such as ``{"0": "cat"}``) to names. A number that a dict leaves out below its highest is a class
            without a name: it is called "class 3".
        outputs: how many class outputs the network has; None if nothing says so.
        owner: what the names are for, in the messages.
        zero: the name of class 0 if a dict leaves it out, such as that of the background; None: "class 0".

    Returns:
        The name of each class number, from 0.

    Raises:
        TypeError: if ``names`` is a single string, a set or anything else without an order, or a name is no text.
        ValueError: if there are no names, a dict's keys are no class numbers, the names do not fit the outputs, or a
            name is empty, endless, or holds line ends or what is no sign.

    Example:
        >>> as_names({"1": "car", "0": "person", "3": "dog"})
        ('person', 'car', 'class 2', 'dog')
    """
    found = _of_numbers(names, owner, zero) if isinstance(names, Mapping) else _in_order(names, owner)
    if not found:
        raise ValueError(f"{owner} has no class names; hand in names as {_HOW}")
    for number, name in enumerate(found):
        if not isinstance(name, str):
            raise TypeError(
                f"the names of {owner} are texts; class {number} is {name!r}, a {type(name).__name__}; hand in {_HOW}"
            )
        if not 0 < len(name.strip()) <= len(name) <= _LONGEST or _NO_SIGN.search(name):
            raise ValueError(
                f"the names of {owner} are texts of 1 to {_LONGEST} signs on one line; class {number} is "
                f"{name[:60]!r}{'...' if len(name) > 60 else ''}: strip line ends, as with name.strip()"
            )
    if outputs is not None and len(found) != outputs:
        counted = f"{len(found)} names were given"
        if isinstance(names, Mapping):
            keys = sorted(map(int, names))
            counted = f"the dict numbers its names from {keys[0]} to {keys[-1]}"
        first = "" if zero is None else ", the background first"
        raise ValueError(
            f"{owner} has {outputs} class outputs{first}, but {counted}; expected a name for each output, "
            f"0 to {outputs - 1}: hand in {_HOW}"
        )
    return tuple(str(name) for name in found)


def nearest_names(name: str, names: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Return the names that are most like a mistyped one.

    Args:
        name: what was typed.
        names: the names there are.
        count: at most how many.

    Returns:
        The most similar first, capitals aside: those that hold it or differ in a few letters; none if none is like it.

    Example:
        >>> nearest_names("tabbi cat", ["tabby cat", "tiger", "Egyptian cat", "tub"])
        ('tabby cat',)
    """
    wanted = name.strip().casefold()
    own: dict[str, str] = {}
    for one in names:
        own.setdefault(one.casefold(), one)
    close = difflib.get_close_matches(wanted, own, n=count, cutoff=0.6)
    holding = [one for one in own if wanted and wanted in one]
    return tuple(own[one] for one in dict.fromkeys([*close, *sorted(holding, key=len)]))[:count]


def class_number(name: str, names: Sequence[str], owner: str = "this detector") -> int:
    """Return the number of the class with a name.

    Args:
        name: the name; capitals and spaces around it do not matter where only one class is meant.
        names: all class names.
        owner: whose classes they are, for the message.

    Returns:
        Its number, from 0; of several classes with exactly this name the first.

    Raises:
        TypeError: if ``name`` is no text.
        ValueError: if there is no such class; the message names those that are most like it.
    """
    if not isinstance(name, str):
        raise TypeError(f"a class of {owner} is named by a text, got {name!r}")
    if name in names:
        return names.index(name)
    plain = name.strip().casefold()
    alike = [number for number, one in enumerate(names) if one.strip().casefold() == plain]
    if len(alike) == 1:
        return alike[0]
    near = nearest_names(name, names)
    told = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else f"it knows {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    )
    raise ValueError(f"{owner} has no class {name[:60]!r}{'...' if len(name) > 60 else ''}; {told}")


def any_class_number(one: Any, names: Sequence[str], owner: str = "this detector") -> int:
    """Return the number of a class that is given by its name or by its number.

    Args:
        one: a name, as in ``class_number``, or a whole number, also one of NumPy or PyTorch.
        names: all class names.
        owner: whose classes they are, for the message.

    Returns:
        Its number, from 0.

    Raises:
        TypeError: if it is neither.
        ValueError: if there is no such class.
    """
    plain = one.item() if getattr(one, "ndim", None) == 0 and hasattr(one, "item") else one
    if isinstance(plain, int) and not isinstance(plain, bool):
        if not 0 <= plain < len(names):
            raise ValueError(f"class {plain} is none of {owner}'s, which are numbered 0 to {len(names) - 1}")
        return plain
    if not isinstance(plain, str):
        raise TypeError(f"a class of {owner} is named by a text or a whole number, got {plain!r}")
    return class_number(plain, names, owner)


ClassMapping = Mapping[str, str | Sequence[str]]
"""By the name of a dataset's class the name, or names, that a classifier or detector has for it."""


def as_mapping(mapping: ClassMapping | None) -> dict[str, tuple[str, ...]]:
    """Return a mapping of class names in one form.

    Args:
        mapping: by the name of a dataset's class one name or several; None for none.

    Returns:
        By each name a tuple of names.

    Raises:
        TypeError: if it is no such mapping.
        ValueError: if a class is mapped to no name.
    """
    if mapping is None:
        return {}
    if not isinstance(mapping, Mapping):
        raise TypeError(f"class names are mapped by a dict {{name: name or names}}, got a {type(mapping).__name__}")
    found = {}
    for name, others in mapping.items():
        wanted = (others,) if isinstance(others, str) else tuple(others) if isinstance(others, Iterable) else (others,)
        if not isinstance(name, str) or not all(isinstance(one, str) for one in wanted):
            raise TypeError(f"class names are mapped by a dict {{name: name or names}}, got {name!r}: {others!r}")
        if not wanted:
            raise ValueError(f"the class {name!r} is mapped to no name; leave it out instead")
        found[name] = wanted
    return found


def names_of_each(
    names: Sequence[str], known: Sequence[str], mapping: ClassMapping | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the names under which a detector knows each of a dataset's classes.

    Args:
        names: the dataset's class names.
        known: the detector's class names.
        mapping: by the dataset's name the detector's, one or several; a class without an entry is known by its own.

    Returns:
        By each of ``names`` the detector's names; none for a class that it does not know.

    Raises:
        TypeError: as ``as_mapping``.
        ValueError: if the mapping names a class that the dataset or the detector does not have; the message names those
            that are most like it.

    Example:
        >>> names_of_each(("dog", "cup", "book"), ("pug", "beagle", "cup"), {"dog": ("pug", "beagle")})
        {'dog': ('pug', 'beagle'), 'cup': ('cup',), 'book': ()}
    """
    given, there = as_mapping(mapping), frozenset(known)
    for name, wanted in given.items():
        if name not in names:
            class_number(name, names, "the dataset, whose class names are mapped,")
            raise ValueError(f"the dataset, whose class names are mapped, writes {name!r} in other capitals")
        for one in wanted:
            if one not in there:
                class_number(one, known, "the detector, to whose class names others are mapped,")
                raise ValueError(f"the detector, to whose class names others are mapped, writes {one!r} otherwise")
    return {name: given.get(name, (name,) if name in there else ()) for name in names}


def _in_order(names: Any, owner: str) -> list[Any]:
    if isinstance(names, (str, bytes, set, frozenset)) or not isinstance(names, Iterable):
        got = "a single text" if isinstance(names, (str, bytes)) else f"a {type(names).__name__}"
        raise TypeError(f"{owner} expects names as {_HOW}; got {got}: {names!r}")
    return list(names)


def _of_numbers(names: Mapping[Any, Any], owner: str, zero: str | None) -> list[Any]:
    """The names of a dict in the order of its numbers."""
    numbered: dict[int, Any] = {}
    for key, name in names.items():
        number = _number(key)
        if number is None:
            turned = " (this dict is the other way round)" if isinstance(name, int) else ""
            raise ValueError(
                f"the names of {owner} as a dict are {{number: name}}, with class numbers from 0 as keys; "
                f"got the key {key!r} for {name!r}{turned}"
            )
        if number in numbered:
            raise ValueError(f"the names of {owner} hold class {number} twice: {numbered[number]!r} and {name!r}")
        numbered[number] = name
    missing = {0: zero} if zero is not None else {}
    return [numbered.get(n, missing.get(n, f"class {n}")) for n in range(max(numbered, default=-1) + 1)]


def _number(key: Any) -> int | None:
    """The class number that a key is, or None."""
    if isinstance(key, bool) or (isinstance(key, str) and not key.strip().isdigit()):
        return None
    try:
        number = int(key)
    except (TypeError, ValueError, OverflowError):
        return None
    whole = isinstance(key, str) or number == key
    return number if whole and 0 <= number <= _MOST else None


_MOST = 1_000_000
"""The highest class number: a dict is filled up to it, so that a damaged one does not fill the memory."""
