"""``detxai-nb workshop``: prepare the folder of a workshop, and check it."""

from __future__ import annotations

import argparse
import sys


def run_prepare(options: argparse.Namespace) -> int:
    """Prepare the folder of a workshop and say what is not done.

    Args:
        options: the parsed command line.

    Returns:
        The exit status: 1 if something is not done.

    Raises:
        ValueError: for a folder that is a file, a damaged list of checksums, or a wheel of another package.
    """
    from detxai_nb.files import as_path
    from detxai_nb.workshop import WheelOptions, prepare_workshop

    wheel = None if options.wheel is None else as_path(options.wheel, "the wheel of this package")
    wheels = WheelOptions(options.platform or (), wheel, options.torch_index or None)
    found = prepare_workshop(
        options.folder,
        seats=options.seats,
        masks=options.masks,
        wheels=None if options.no_wheels else wheels,
        force=options.force,
        progress=_told,
    )
    print(found)
    return 1 if found.problems else 0


def _told(study: str, done: int, total: int) -> None:
    print(f"study {study}: {done} of {total} objects", file=sys.stderr, flush=True)


def run_check(options: argparse.Namespace) -> int:
    """Check the folder of a workshop.

    Args:
        options: the parsed command line.

    Returns:
        The exit status: 1 if something is wrong.

    Raises:
        FileNotFoundError: if it was not prepared.
        ValueError: for a damaged list of checksums.
    """
    from detxai_nb.workshop import verify_workshop

    found = verify_workshop(options.folder)
    print(found)
    return 1 if found.faults else 0
