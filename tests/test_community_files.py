"""What stands beside the code says what the package says, and can be read by those it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detxai_nb._version import __version__

yaml = pytest.importorskip("yaml")
REPOSITORY = Path(__file__).resolve().parents[1]
HUB = REPOSITORY / ".github"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_whoever_cites_it_cites_this_version() -> None:
    import tomllib

    about = read(REPOSITORY / "CITATION.cff")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["version"] == __version__
    assert about["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(about)


@pytest.mark.parametrize("path", sorted(HUB.glob("ISSUE_TEMPLATE/[!c]*.yml")), ids=lambda path: path.stem)
def test_a_form_asks_for_something(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} == set(form)
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert len({one["id"] for one in fields}) == len(fields)
    assert any(one.get("validations", {}).get("required") for one in fields)


@pytest.mark.parametrize("path", sorted(HUB.glob("workflows/*.yml")), ids=lambda path: path.stem)
def test_nothing_is_published_that_has_not_passed(path: Path) -> None:
    workflow = read(path)
    first = next(iter(workflow["jobs"].values()))
    runs = [step.get("run", "") for step in first["steps"]]
    assert any(".ci/run" in run for run in runs)
    later = list(workflow["jobs"].values())[1:]
    assert all("needs" in job for job in later)
    assert workflow["permissions"]["contents"] == "read"
