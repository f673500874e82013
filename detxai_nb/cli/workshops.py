"""``detxai-nb workshop``: prepare the folder of a workshop, and check it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from detxai_nb.cli.argument_types import whole_number


def add_workshop(workshop: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        workshop: the parser of the command.
    """
    add = workshop.add_subparsers(required=True, metavar="command").add_parser
    prepare = add("prepare", help="write studies, notebooks, wheels and checksums into a folder; resumes what is there")
    prepare.set_defaults(run=run_prepare)
    prepare.add_argument("folder", type=Path, help="the folder to prepare")
    prepare.add_argument("--seats", type=whole_number(1, 1000), default=30, help="of each study (%(default)s)")
    prepare.add_argument(
        "--masks", type=whole_number(2), default=500, metavar="N", help="masks of D-RISE for each object (%(default)s)"
    )
    prepare.add_argument(
        "--platform",
        action="append",
        metavar="NAME",
        help="the laptops' kind: linux, windows or mac; may be repeated; by default that of this computer",
    )
    prepare.add_argument("--no-wheels", action="store_true", help="download no packages")
    prepare.add_argument("--wheel", type=Path, metavar="FILE", help="the wheel of this package, if there is one")
    prepare.add_argument(
        "--torch-index",
        default="https://download.pytorch.org/whl/cpu",
        metavar="URL",
        help="the index with PyTorch's builds for the CPU (%(default)s); '' takes PyTorch from where all others are",
    )
    prepare.add_argument(
        "--force", action="store_true", help="overwrite what was changed, and studies of other settings"
    )
    check = add("check", help="check that a folder is as it was prepared")
    check.set_defaults(run=run_check)
    check.add_argument("folder", type=Path, help="the folder, or a copy without teacher/")


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
