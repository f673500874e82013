"""Values and files that other tools wrote, checked before anything computes with them."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image, UnidentifiedImageError

_LARGEST_YAML = 16 * 2**20
"""Bytes in the largest YAML file that is read."""
LARGEST = 1e6
"""Coordinates and sizes in pixels are at most this far from 0; compiled code counts them in 32 bits."""

# Ultralytics puts a function in its place that asks the network for a package where a file is no picture.
_open_picture = Image.open
_YES = {"1", "true", "yes"}
_NO = {"", "0", "false", "no"}


def parse_json(text: str | bytes, where: object) -> Any:
    """Return what a JSON text holds.

    Args:
        text: the text, or its bytes in any of JSON's encodings, with or without a byte order mark.
        where: what it is, for the error message.

    Returns:
        Dicts, lists, texts, numbers, True, False and None.

    Raises:
        ValueError: if it is no JSON text, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{where} is no JSON text: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{where} is no JSON text that can be read: its lists are nested too deeply") from error


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file.

    Returns:
        As ``parse_json``.

    Raises:
        ValueError: as ``parse_json``.
        OSError: if the file cannot be read.
    """
    return parse_json(path.read_bytes(), path)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file in UTF-8.

    Args:
        path: the file; a byte order mark is left out.

    Returns:
        The lines, without their ends; also those that are empty.

    Raises:
        ValueError: if it is no text in UTF-8.
        OSError: if the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}; save it again in that encoding") from error
    # Not splitlines: JSON texts may hold other signs that it takes for the end of a line.
    return [line.removesuffix("\r") for line in text.split("\n")]


def read_xml(path: Path) -> ElementTree.Element:
    """Return the root of an XML file.

    Args:
        path: the file.

    Returns:
        The root element.

    Raises:
        ValueError: if it is no XML.
        OSError: if the file cannot be read.
    """
    try:
        return ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, LookupError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no XML: {error}") from error


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds, every plain value as the text that it is ("no" stays "no").

    Args:
        path: the file.

    Returns:
        Dicts, lists and texts.

    Raises:
        ValueError: if it is no YAML, too large, or uses names for repeated parts (a short file can become endless
            with them) or a key twice.
        OSError: if the file cannot be read.
        ImportError: if PyYAML is missing.
    """
    try:
        yaml: Any = import_module("yaml")
    except ImportError as error:
        raise ImportError("reading YAML files needs PyYAML: pip install pyyaml") from error
    if path.stat().st_size > _LARGEST_YAML:
        raise ValueError(f"{path} is larger than {_LARGEST_YAML >> 20} MiB; expected a short YAML file")
    content = path.read_bytes()
    try:
        return yaml.load(content, _loader())
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        said = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} is no YAML that can be read: {said}") from error


@cache
def _loader() -> Any:
    """PyYAML's reader of texts, lists and dicts, which also refuses what repeats a part or a key."""
    yaml: Any = import_module("yaml")
    base: Any = yaml.BaseLoader

    def compose_node(self: Any, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it repeats a part by its name (&name, *name); write the part out")
        return base.compose_node(self, parent, index)

    def construct_mapping(self: Any, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) < len(node.value) or len(set(keys)) < len(keys):
            raise ValueError("a key is no text, or is there twice")
        return base.construct_mapping(self, node, deep=deep)

    return type("Plain", (base,), {"compose_node": compose_node, "construct_mapping": construct_mapping})


def read_indices(path: Path) -> np.ndarray:
    """Return the numbers that a picture with a palette, or a grey one, holds for its pixels.

    Args:
        path: the file.

    Returns:
        Whole numbers ``[H,W]``.

    Raises:
        ValueError: if it is no such picture.
        OSError: if the file cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with _open_picture(file) as picture:
                values = np.array(picture)
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{path} is no picture of masks that can be read: {error}") from error
    if values.ndim != 2 or not (np.issubdtype(values.dtype, np.integer) or values.dtype == bool):
        raise ValueError(
            f"{path} holds values of shape {list(values.shape)} and type {values.dtype}; expected one number for each "
            "pixel: a PNG with a palette or in grey"
        )
    return values


def as_number(value: Any, what: str, least: float = -LARGEST, most: float = LARGEST) -> float:
    """Return a number that a file holds, also one that it holds as text.

    Args:
        value: the value.
        what: what it is and where, for the error message.
        least, most: the smallest and the largest value that is accepted.

    Returns:
        A finite number from ``least`` to ``most``.

    Raises:
        ValueError: for anything else.
    """
    number = math.nan
    if type(value) in (int, float, str, np.float64):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not least <= number <= most:
        raise ValueError(f"{what} is {show(value)}; expected a number from {least:g} to {most:g}")
    return number


def as_whole(value: Any, what: str, least: int = 0) -> int:
    """Return a whole number that a file holds, also one that it holds as text or as 3.0.

    Args:
        value: the value.
        what: what it is and where, for the error message.
        least: the smallest value that is accepted.

    Returns:
        A whole number from ``least`` to ``LARGEST``.

    Raises:
        ValueError: for anything else.
    """
    number = as_number(value, what, least)
    if number != int(number):
        raise ValueError(f"{what} is {show(value)}; expected a whole number")
    return int(number)


def as_flag(value: Any, what: str) -> bool:
    """Return whether a mark that a file holds is set.

    Args:
        value: a truth value, a number, None (not set), or one of these as text.
        what: what it is and where, for the error message.

    Returns:
        True or False.

    Raises:
        ValueError: for anything else.
    """
    if value is None or (isinstance(value, (bool, int, float)) and math.isfinite(value)):
        return bool(value)
    text = value.strip().lower() if isinstance(value, str) else None
    if text in _YES or text in _NO:
        return text in _YES
    raise ValueError(f"{what} is {show(value)}; expected 0 or 1")


def as_id(value: Any, what: str) -> int | str:
    """Return the id of an image, a category or an annotation: a whole number, or a text.

    Args:
        value: the value; 3.0 is the whole number 3.
        what: what it is and where, for the error message.

    Returns:
        The id as a plain value.

    Raises:
        ValueError: for anything else, or an empty text.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        number = int(value)
        if -(2**63) <= number < 2**63:
            return number
    if isinstance(value, float) and value == value // 1 and abs(value) < 2**53:
        return int(value)
    raise ValueError(f"{what} is {show(value)}; expected a whole number of at most 63 bits, or a text")


def show(value: Any) -> str:
    """Return a value as an error message shows it.

    Args:
        value: any value.

    Returns:
        At most 80 characters.
    """
    try:
        text = (
            repr(value)
            if not isinstance(value, (list, dict)) or len(value) < 100
            else f"{type(value).__name__} of {len(value)}"
        )
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
