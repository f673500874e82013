"""Small tables of measurements that come with the package, so that notebooks show them without computing them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from detxai_nb.files import as_path, write_atomically

if TYPE_CHECKING:
    import pandas

FORMAT = "detxai-nb kept table 1"
TABLES = Path(__file__).parent / "tables"
"""The folder of the tables that come with the package."""


def kept_table(name: str) -> pandas.DataFrame:
    """Read a table of measurements that comes with the package.

    Args:
        name: "parts" (what the telling parts do, by detector and class), "agreement" (heat and
            effect, by kind of picture and method), "misses" (causes, by kind of scene and detector), "shortcut" (maps
            and interventions of a detector that cheats and of one that does not, by scene) or "odam-train-steps" (the
            separation loss in the first steps of ODAM-Train, by run).

    Returns:
        The table; ``attrs["command"]`` is the command that measured it.

    Raises:
        ValueError: if there is no such table, or its file is damaged.

    Example:
        >>> from detxai_nb.evaluation import kept_table
        >>> kept_table("misses").attrs["command"]
        'python tests/bench/measure_misses.py families --count 200'
    """
    known = sorted(path.stem for path in TABLES.glob("*.json"))
    if name not in known:
        raise ValueError(f"there is no kept table {name!r}; known: {', '.join(known)}")
    return read_kept_table(TABLES / f"{name}.json")


def read_kept_table(path: str | os.PathLike[str]) -> pandas.DataFrame:
    """Read what ``write_kept_table`` wrote.

    Args:
        path: the file.

    Returns:
        The table; ``attrs["command"]`` is the command that measured it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is something else than a whole table of this version's format.
    """
    import pandas as pd

    path = as_path(path, "a file of a kept table")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no kept table: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{path} is no kept table of the format {FORMAT!r}")
    command, columns = found.get("command"), found.get("columns")
    values = list(columns.values()) if isinstance(columns, dict) else []
    lists = bool(values) and all(isinstance(column, list) for column in values)
    if not isinstance(command, str) or not lists or len({len(column) for column in values}) != 1:
        raise ValueError(f"{path} is damaged: it needs a command, and columns of one length")
    table = pd.DataFrame(columns)
    table.attrs["command"] = command
    return table


def write_kept_table(path: str | os.PathLike[str], table: pandas.DataFrame, command: str, digits: int = 4) -> None:
    """Write a table of measurements as JSON; an existing file is replaced only by a complete one.

    Args:
        path: the file.
        table: columns of texts and numbers; its index is left out.
        command: the command that measured it.
        digits: numbers are rounded to so many places.

    Raises:
        FileNotFoundError: if the folder does not exist.
        OSError: if the file cannot be written.
    """
    columns = json.loads(table.to_json(orient="split", index=False, double_precision=digits))
    values = {name: [row[place] for row in columns["data"]] for place, name in enumerate(columns["columns"])}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(column)}" for name, column in values.items())
    text = f'{{"format": {json.dumps(FORMAT)},\n "command": {json.dumps(command)},\n "columns": {{\n{lines}\n }}}}\n'
    write_atomically(as_path(path, "a file of a kept table"), lambda file: file.write(text.encode()))
