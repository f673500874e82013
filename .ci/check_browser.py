"""Check from pytest's JUnit report that tests in a browser ran and that none was skipped.

python .ci/check_browser.py REPORT.xml
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def faults(report: str) -> list[str]:
    """Why this report does not show that every browser test ran; tests/conftest.py marks them in it."""
    cases = [
        case
        for case in ElementTree.fromstring(report).iter("testcase")
        if case.find("properties/property[@name='browser']") is not None
    ]
    skipped = [case for case in cases if case.find("skipped") is not None]
    found = [f"{c.get('classname')}.{c.get('name')} was skipped: {c.find('skipped').get('message')}" for c in skipped]
    return found if cases else ["no test in a browser ran"]


def main() -> int:
    """Check the report named on the command line."""
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for reason in found:
        print(reason)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
