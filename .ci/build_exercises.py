"""Make the exercises that students have, with sealed answers, from the authors' with the answers in clear.

python .ci/build_exercises.py [--check] [SOURCE.toml ...]

By default of every file in notebooks/solutions. With --check nothing is written, and the exit status is 1 where a file
of students' exercises is not what its source makes, or has no source.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from detxai_nb.check.authoring import read_authored, seal_exercises, sealed_text
from detxai_nb.check.exercise import FOLDER

SOURCES = Path(__file__).resolve().parents[1] / "notebooks" / "solutions"


def build(source: Path, target: Path, check: bool) -> list[str]:
    """Make one file, or compare it; returns what was wrong."""
    known: Any = None
    try:
        text = target.read_text(encoding="utf-8")
        known = json.loads(text)
    except (FileNotFoundError, ValueError):
        text = ""
    try:
        made = sealed_text(seal_exercises(read_authored(source), known if isinstance(known, dict) else None))
    except (ValueError, TypeError) as error:
        return [f"{source}: {error}"]
    if made == text:
        return []
    if check:
        return [f"{target} is not what {source.name} makes; run python .ci/build_exercises.py"]
    target.write_text(made, encoding="utf-8")
    return []


def main(arguments: list[str] | None = None, sources: Path = SOURCES, folder: Path = FOLDER) -> int:
    """Make or check the files of students' exercises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("sources", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    files = options.sources or sorted(sources.glob("*.toml"))
    found = [reason for one in files for reason in build(one, folder / f"{one.stem}.json", options.check)]
    if not options.sources:
        alone = sorted({one.stem for one in folder.glob("*.json")} - {one.stem for one in files})
        found += [f"{folder / stem}.json has no source in {sources}" for stem in alone]
    for reason in found:
        print(reason)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
