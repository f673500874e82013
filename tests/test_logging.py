"""Every message lies below "detxai_nb", and none is written until the application says where."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import detxai_nb

PACKAGE = Path(detxai_nb.__file__).parent


def test_each_module_logs_under_its_own_name() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "logging.getLogger" and ast.unparse(node.args[0] if node.args else node) != "__name__":
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}")
            if called.startswith("logging.") and called.rpartition(".")[2] in (
                *("basicConfig", "debug", "info", "warning", "error", "critical", "exception", "log"),
            ):
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: the root logger is the application's")
    assert not wrong, "\n".join(wrong)


def test_the_package_is_silent_by_itself() -> None:
    ours = logging.getLogger("detxai_nb")
    assert any(isinstance(one, logging.NullHandler) for one in ours.handlers)
    assert ours.level == logging.NOTSET
    assert ours.propagate
