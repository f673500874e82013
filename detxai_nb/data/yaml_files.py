"""YAML files that others wrote, read as texts, lists and dicts: nothing of them is made into an object or run."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

LARGEST_FILE = 16 * 2**20
"""Bytes in the largest YAML file that is read."""


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
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE >> 20} MiB; expected a short YAML file")
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
