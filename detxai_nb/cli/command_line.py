"""What ``detxai-nb`` understands, and how it answers when something goes wrong. Nothing here imports torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import detxai_nb
from detxai_nb.cli import commands, doctors, explains, pages, surveys, workshops
from detxai_nb.cli.argument_types import whole_number
from detxai_nb.cli.configs import read_config
from detxai_nb.cli.evaluate_options import add_evaluate
from detxai_nb.cli.wording import in_own_words, shortened

TABLES = {"detectors": "detectors", "methods": "explanation methods", "metrics": "metrics"}
"""The commands that print a table, and what it lists."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``detxai-nb``, by default those of the process.

    Returns:
        The exit status: 0; 1 where a command looked for faults and found some; 2 for an error, with one sentence on
        stderr; 130 for Ctrl-C.

    Raises:
        SystemExit: from argparse, for ``--help``, ``--version`` and wrong arguments.
    """
    with _any_text(sys.stdout), _any_text(sys.stderr):
        return _run(arguments)


@contextmanager
def _any_text(stream: Any) -> Iterator[None]:
    """Let a stream write what its encoding does not have, such as a file name that is no text, as escapes."""
    before = getattr(stream, "errors", None)
    if before != "strict" or not hasattr(stream, "reconfigure"):
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            stream.reconfigure(errors=before)


def _run(arguments: Sequence[str] | None) -> int:
    """Run one command; what it prints can be written."""
    options = _parser().parse_args(arguments)
    try:
        if getattr(options, "config", None) is not None:
            options = _parser(read_config(options.config, add_evaluate)).parse_args(arguments)
        return int(options.run(options) or 0)
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough.
        sys.stdout = None
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        if options.traceback:
            raise
        print(f"detxai-nb: {in_own_words(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "; run the same command again to resume from its store" if getattr(options, "store", None) else ""
        print(f"detxai-nb: interrupted{kept}", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, which names the command that explains more."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {shortened(' '.join(message.split()))}; see `{self.prog} --help`\n")


def _parser(configured: Mapping[str, Any] | None = None) -> argparse.ArgumentParser:
    """The parser; ``configured`` are the options of ``evaluate`` where the command line does not say otherwise."""
    parser = _Parser(prog="detxai-nb", description=detxai_nb.__doc__)
    parser.add_argument("--version", action="version", version=f"detxai-nb {detxai_nb.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show the full traceback of an error")
    add = parser.add_subparsers(required=True, metavar="command").add_parser
    explains.add_explain(
        add("explain", help="compute heat maps of what is detected in a photograph, or of its classes")
    )
    pages.add_page(add("page", help="write the heat maps of a photograph as one living HTML file"))
    pages.add_publish(add("publish", help="write an executed notebook as one HTML file with its widgets alive"))
    evaluate = add("evaluate", help="reproduce the table of a paper with your own detector and data")
    add_evaluate(evaluate)
    evaluate.set_defaults(**configured or {})
    _add_example(add("example", help="write a picture to try the others on"))
    _add_fetch(add("fetch", help="download the weights of a detector now, to work offline later"))
    for name, what in TABLES.items():
        table = add(name, help=f"list the available {what}, or all about one of them")
        table.set_defaults(run=commands.show_table, table=name)
        table.add_argument("name", nargs="?", help="one of them, to see all about it with its settings")
    surveys.add_survey(add("survey", help="user studies: collect the answers of a class, print sheets of paper"))
    workshops.add_workshop(add("workshop", help="prepare and check the folder of a workshop without a network"))
    doctors.add_doctor(
        add("doctor", help="check that the notebooks have what they need, or what is wrong with a detector")
    )
    _add_lab(add("lab", help="copy the notebooks into a folder and open JupyterLab there"))
    return parser


def _add_example(example: argparse.ArgumentParser) -> None:
    example.set_defaults(run=commands.run_example)
    example.add_argument(
        "file", type=Path, nargs="?", help="the file to write, by default example.png, or photograph.jpg"
    )
    example.add_argument(
        "--photograph",
        action="store_true",
        help="a photograph of Grace Hopper (public domain) for a detector that knows photographs, instead of a "
        "synthetic scene for the bundled ones",
    )
    example.add_argument(
        "--number", type=whole_number(0), default=3, metavar="N", help="which of the endless scenes (%(default)s)"
    )


def _add_fetch(fetch: argparse.ArgumentParser) -> None:
    fetch.set_defaults(run=commands.run_fetch)
    fetch.add_argument(
        "detector",
        nargs="?",
        help="a name of `detxai-nb detectors`; without one, those that can be fetched are listed, and which are there",
    )
    fetch.add_argument(
        "--from",
        type=Path,
        dest="file",
        metavar="FILE",
        help="the file, downloaded on another machine: it is checked and put where it belongs",
    )


def _add_lab(lab: argparse.ArgumentParser) -> None:
    lab.set_defaults(run=commands.open_lab)
    lab.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the working folder, by default the current one"
    )
    lab.add_argument("--no-browser", action="store_true", help="start only the server and print its address")
    lab.add_argument("--port", type=whole_number(1, 65535), help="the port; it is an error if it is not free")
    lab.add_argument("--ip", help="the address to listen on, by default localhost only")
