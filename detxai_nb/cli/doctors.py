"""``detxai-nb doctor``: whether everything that the notebooks need is there."""

from __future__ import annotations

import argparse
import json
import os
import sys

from detxai_nb.installation import diagnose


def add_doctor(doctor: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        doctor: the parser of the command.
    """
    doctor.set_defaults(run=run_doctor)
    doctor.add_argument("--json", action="store_true", help="print everything that was looked at, for a program")


def run_doctor(options: argparse.Namespace) -> int:
    """Print one green line, or what is missing with its remedy and a code for the ticket.

    Args:
        options: the parsed command line.

    Returns:
        The exit status: 1 if something is missing.
    """
    found = diagnose()
    if options.json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        first, *rest = str(found).splitlines()
        print("\n".join([_coloured(first, 32 if found.healthy else 31), *rest]))
    return 0 if found.healthy else 1


def _coloured(line: str, color: int) -> str:
    """The line in a colour, where somebody looks at it and has not asked for none."""
    seen = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\033[{color}m{line}\033[0m" if seen else line
