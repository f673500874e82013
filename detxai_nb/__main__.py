"""``python -m detxai_nb`` is ``detxai-nb``."""

from __future__ import annotations

import sys

from detxai_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
