"""Options of a command from a TOML file, and those that a run had written as such a file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from detxai_nb.files import as_path, write_atomically
from detxai_nb.names import nearest_names

ENDING = ".config.toml"
"""Of the file beside a store, after the store's name."""
_OWN = ("help", "config")
"""Options that no file sets."""
_MARKS = ("_settings.json", "results.json")
"""Files by which a folder is known to hold results."""


class _Raising(argparse.ArgumentParser):
    """A parser whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message.partition(": ")[2] or message)


def read_config(path: Path, add: Callable[[argparse.ArgumentParser], None]) -> dict[str, Any]:
    """Read the options of a command from a TOML file: each by its name, such as ``scenes = 50`` or ``fast = false``.

    Args:
        path: the file.
        add: adds the options of the command to a parser.

    Returns:
        The values as the command line would give them, by the names of the parser's attributes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no TOML, or for an unknown option or a value that the option does not take; the message
            names the file, the option, and of an unknown one the nearest.
    """
    file = as_path(path, "a configuration")
    if not file.is_file():
        raise FileNotFoundError(f"there is no configuration at {file} (looked from the folder {Path.cwd()})")
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no TOML file ({error}); write lines such as scenes = 50") from error
    known = _options(add)
    found: dict[str, Any] = {}
    for key, value in given.items():
        action = known.get(key) or known.get(key.replace("_", "-"))
        if action is None:
            near = nearest_names(key.replace("_", "-"), list(known))
            asked = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{file}: there is no option {key[:60]!r}; {asked}")
        if action.dest in found:
            raise ValueError(f"{file}: {key} is set twice")
        try:
            found[action.dest] = _value(action, value, add)
        except ValueError as error:
            raise ValueError(f"{file}: {key}: {error}") from error
    return found


def _options(add: Callable[[argparse.ArgumentParser], None]) -> dict[str, argparse.Action]:
    """The options of a command by name."""
    parser = _Raising(add_help=False)
    add(parser)
    named = {_name(action): action for action in parser._actions}
    return {name: action for name, action in named.items() if name not in _OWN}


def _name(action: argparse.Action) -> str:
    return (action.option_strings or [action.dest])[0].lstrip("-")


def _value(action: argparse.Action, value: Any, add: Callable[[argparse.ArgumentParser], None]) -> Any:
    """A value of the file as the command line gives it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"true or false, got {_shown(value)}")
        return value
    several = isinstance(action, argparse._AppendAction) or action.nargs == "+"
    if isinstance(action, argparse._AppendAction) and isinstance(value, Mapping):
        value = [f"{name}={one if isinstance(one, str) else _json(one)}" for name, one in value.items()]
    if several and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if several:
        raise ValueError(f"a list of texts, got {_shown(value)}")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"a number or a text, got {_shown(value)}")
    if not action.option_strings:
        return str(value)
    parser = _Raising(add_help=False)
    add(parser)
    return getattr(parser.parse_args([f"{action.option_strings[0]}={value}"]), action.dest)


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except TypeError as error:
        raise ValueError(f"numbers, texts, true, false and lists of them, got {_shown(value)}") from error


def config_beside(store: Path) -> Path:
    """Return where the configuration of a store's run is written.

    Args:
        store: the folder of the store.

    Returns:
        A file beside it.
    """
    folder = Path(os.path.abspath(store.expanduser()))
    return folder.parent / f"{folder.name}{ENDING}"


@contextmanager
def config_kept(options: argparse.Namespace, add: Callable[[argparse.ArgumentParser], None]) -> Iterator[None]:
    """Write the options of a run beside its store, once there is something in the store, also if it is interrupted.

    Args:
        options: the parsed command line; without a store nothing is written.
        add: adds the options of the command to a parser.
    """
    try:
        yield
    finally:
        store = options.store
        if store is not None and any((store.expanduser() / name).is_file() for name in _MARKS):
            path, content = config_beside(store), to_toml(options, add)
            if content is None:
                print(f"detxai-nb: note: {path} is not written: a path is no text", file=sys.stderr)
            else:
                write_atomically(path, lambda file: file.write(content))


def to_toml(options: argparse.Namespace, add: Callable[[argparse.ArgumentParser], None]) -> bytes | None:
    """Return options as a TOML file that ``read_config`` reads; paths are absolute.

    Args:
        options: the parsed command line.
        add: adds the options of the command to a parser.

    Returns:
        UTF-8; None if an option, such as a path, is no text.
    """
    from detxai_nb import __version__

    lines = [f"# The options of a run by detxai-nb {__version__}: `detxai-nb evaluate --config FILE` runs it again."]
    for name, action in _options(add).items():
        value = getattr(options, action.dest)
        if value is not None:
            lines.append(f"{name} = {_as_toml(_absolute(name, value))}")
    try:
        return ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError:
        return None


def _absolute(name: str, value: Any) -> Any:
    """The value, with the path of a file from the root."""
    is_file = name in ("detector", "names") and isinstance(value, str) and os.path.isfile(os.path.expanduser(value))
    if isinstance(value, Path) or is_file:
        return os.path.abspath(os.path.expanduser(value))
    return value


def _as_toml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_toml, value))}]"
    # JSON's numbers, true and false, and texts but for one sign are TOML's.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
