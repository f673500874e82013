"""The guide "Add a widget": its class is the package's, and the files that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import stub

import detxai_nb as dx
from detxai_nb.widgets import score_threshold

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "adding" / "widget.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_class_of_the_guide_shows_what_the_packages_does() -> None:
    (source,) = [block for block in BLOCKS if block.startswith("class ScoreThreshold")]
    names = dict(vars(score_threshold))
    exec(compile(source, "docs/adding/widget.md", "exec"), names)
    guides, own = names["ScoreThreshold"], dx.widgets.ScoreThreshold
    assert guides is not own
    assert guides.__bases__ == own.__bases__
    # The four methods that the guide describes in words.
    for name in ("to_code", "_picture", "_photo_picture"):
        assert f"`{name}()`" in GUIDE
    for name, value in vars(own).items():
        if name not in vars(guides):
            setattr(guides, name, value)
    shown = [one(stub.StubDetector(), stub.photograph(), score_threshold=0.5) for one in (guides, own)]
    states = [{name: getattr(one, name) for name in one.traits(sync=True) if name[0] != "_"} for one in shown]
    for state in states:
        state.pop("layout", None)
    assert {name: repr(value) for name, value in states[0].items()} == {n: repr(v) for n, v in states[1].items()}


@pytest.mark.parametrize("name", ["score_threshold"])
def test_the_files_that_it_names_are_there(name: str) -> None:
    named = set(re.findall(r"`((?:detxai_nb|widgets|tests|docs)/[\w/.-]+?)`", GUIDE))
    paths = {path.replace("NAME", name) for path in named}
    assert {f"detxai_nb/widgets/{name}.py", f"widgets/src/{name}/index.js", "docs/make_pages.py"} <= paths
    assert not [path for path in sorted(paths) if not (ROOT / path).exists()]
    (last,) = [block for block in BLOCKS if "check_traits" in block]
    assert last.strip() in (ROOT / f"tests/widgets/test_{name}.py").read_text(encoding="utf-8")
