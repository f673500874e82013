"""Tests of metrics use the stub detector of the widgets' tests too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "widgets"))
