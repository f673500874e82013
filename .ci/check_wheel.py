"""Check that a wheel holds the committed package, notebooks (but for solutions) and workshop, and nothing else.

python .ci/check_wheel.py WHEEL
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

NEEDED = (
    "detxai_nb/py.typed",
    "detxai_nb/_jupyter/labconfig/default_setting_overrides.json",
    "detxai_nb/widgets/static/explorer.js",
    "detxai_nb/widgets/static/explorer.css",
    "detxai_nb/detectors/zoo/tiny-fcos.safetensors",
    "detxai_nb/detectors/zoo/tiny-fcos.json",
    "detxai_nb/notebooks/00_start_here.ipynb",
)
LEFT_OUT = r"notebooks/solutions/.*\.ipynb"
LARGEST = 45_000_000  # bytes


def place_of(name: str) -> str:
    """Where a committed file lies in the wheel."""
    if name.startswith("docs/workshop/"):
        return name.replace("docs/workshop", "detxai_nb/workshop_material", 1)
    return name if name.startswith("detxai_nb/") else f"detxai_nb/{name}"


def faults(held: set[str], committed: set[str], size: int) -> list[str]:
    """What is wrong with a wheel that holds these names, given the committed files of the package and the notebooks."""
    expected = {place_of(name) for name in committed if not re.fullmatch(LEFT_OUT, name)}
    inside = {name for name in held if ".dist-info/" not in name}
    found = [f"{name} is missing" for name in sorted((expected | set(NEEDED)) - inside)]
    found += [f"{name} does not belong there" for name in sorted(inside - expected)]
    if not any(name.endswith("licenses/LICENSE") for name in held):
        found.append("the licence is missing")
    if size > LARGEST:
        found.append(f"{size:,} bytes, more than {LARGEST:,}")
    return found


def main() -> int:
    """Check the wheel named on the command line against the checkout in the current folder."""
    wheel = Path(sys.argv[1])
    listing = subprocess.run(
        ["git", "ls-files", "-z", "detxai_nb", "docs/workshop", "notebooks"], check=True, capture_output=True, text=True
    ).stdout
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    found = faults(held, set(listing.split("\0")) - {""}, wheel.stat().st_size)
    for reason in found:
        print(f"{wheel.name}: {reason}")
    print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size / 1e6:.1f} MB")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
