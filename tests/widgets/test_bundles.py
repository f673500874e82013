"""What hosts ask of a front end's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detxai_nb.widgets.shared.widget import STATIC

SOURCES = Path(__file__).resolve().parents[2] / "widgets" / "src"
BUNDLES = sorted(STATIC.glob("*.js"))


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_a_bundle_imports_nothing(path: Path) -> None:
    """Hosts load it from a blob's address, where no import is found; a saved page alone has bundles to load."""
    comments = r"/\*.*?\*/|^\s*//.*?$"
    code = re.sub(comments, "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^\s*(import|export)\b[^;\n]*\bfrom\s*[\"']", code, re.MULTILINE)
    assert not re.search(r"^\s*import\s*[\"']", code, re.MULTILINE)
    if path.stem != "page":
        assert not re.search(r"\bimport\s*\(", code)
        assert code.rstrip().endswith("as default\n};")


def test_what_has_the_keyboard_is_asked_of_the_root_that_a_widget_lies_in() -> None:
    """In a shadow root, which marimo has around each widget, ``document.activeElement`` is only its host."""
    asking = [
        str(path) for path in sorted(SOURCES.rglob("*.js")) if "document.activeElement" in path.read_text("utf-8")
    ]
    assert len(list(SOURCES.rglob("*.js"))) > 50
    assert asking == []
