"""The style sheets of the widgets: each is confined to its own kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detxai_nb.widgets.shared.widget import STATIC

SHEETS = sorted(path for path in STATIC.glob("*.css") if path.stem != "page")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_every_rule_of_a_sheet_matches_within_its_own_kind_only(sheet: Path) -> None:
    root = f".dx-{sheet.stem.replace('_', '-')}"
    css = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    css = re.sub(r"@keyframes[^{]*\{.*?\}\s*\}", "", css, flags=re.DOTALL)
    heads = [head.strip() for head in re.findall(r"([^{}]+)\{", css)]
    rules = [head for head in heads if not head.startswith("@")]
    assert len(rules) > 20
    for head in rules:
        for one in re.split(r",\s*\n\s*", head):
            assert f":where({root})" in one, one
