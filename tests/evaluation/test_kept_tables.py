"""Tables of measurements that come with the package: they are whole, name their command, and are read as written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from detxai_nb.data import scenes
from detxai_nb.evaluation import kept_table
from detxai_nb.evaluation.kept_tables import TABLES, read_kept_table, write_kept_table
from detxai_nb.misses import CAUSES

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "share": [0.123456, np.nan], "count": [1, 2]})
    write_kept_table(tmp_path / "one.json", table, "python measure.py")
    found = read_kept_table(tmp_path / "one.json")
    assert found.attrs["command"] == "python measure.py"
    assert found["name"].tolist() == ["a", "b"]
    assert found["count"].tolist() == [1, 2]
    assert found["share"].tolist() == pytest.approx([0.1235, np.nan], nan_ok=True)
    write_kept_table(tmp_path / "none.json", table[:0], "python measure.py")
    assert list(read_kept_table(tmp_path / "none.json")) == ["name", "share", "count"]


@pytest.mark.parametrize("path", sorted(TABLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_tables_of_the_package_name_a_command_that_is_there(path: Path) -> None:
    table = kept_table(path.stem)
    assert len(table)
    assert path.stat().st_size < 100_000
    python, script, *_ = table.attrs["command"].split()
    assert python == "python"
    assert (REPOSITORY / script).is_file()


def test_the_tables_of_the_package_hold_what_is_asked_of_them() -> None:
    parts = kept_table("parts")
    assert set(parts["class"]) == set(scenes.NAMES)
    assert (parts["with"] - parts["without"]).to_numpy() == pytest.approx(parts["lost"].to_numpy(), abs=1e-3)
    misses = kept_table("misses")
    assert set(misses["cause"]) == set(CAUSES)
    assert (misses.groupby(["scenes", "detector"])["misses"].sum() > 0).all()
    agreement = kept_table("agreement")
    assert set(agreement["pictures"]) == {"scenes", "photographs"}
    assert agreement["method"].str.startswith("control: ").sum() == 4
    shortcut = kept_table("shortcut")
    shares = shortcut[[name for name in shortcut if name.startswith("heat ")]].to_numpy()
    assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()
    steps = kept_table("odam-train-steps")
    assert (steps.groupby(["run", "loss"])["steps"].agg(list).map(tuple) == (0, 10, 20, 30)).all()
    assert steps.loc[steps["steps"] == 0, "separation"].nunique() == 1, "every run begins with the same weights"


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        '{"format": "something else"}',
        '{"format": "detxai-nb kept table 1", "columns": {"a": [1]}}',
        '{"format": "detxai-nb kept table 1", "command": "x", "columns": {"a": [1], "b": [1, 2]}}',
        '{"format": "detxai-nb kept table 1", "command": "x", "columns": {"a": 1}}',
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "one.json").write_text(content)
    with pytest.raises(ValueError, match=r"one\.json is (no kept table|damaged)"):
        read_kept_table(tmp_path / "one.json")


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"no kept table 'aprts'; known: .*parts"):
        kept_table("aprts")
    with pytest.raises(FileNotFoundError):
        read_kept_table("nowhere.json")
