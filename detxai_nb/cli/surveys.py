"""``detxai-nb survey``: a page on the local network that a class hands its answers in to, and sheets of paper."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from detxai_nb.cli.argument_types import whole_number


def add_survey(survey: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        survey: the parser of the command.
    """
    add = survey.add_subparsers(required=True, metavar="command").add_parser
    gather = add("collect", help="serve a page on the local network that answers are handed in to")
    gather.set_defaults(run=run_collect)
    gather.add_argument("folder", type=Path, help="the folder that files of answers are written to")
    gather.add_argument(
        "--study", type=Path, required=True, metavar="FILE", help="the file of the study, with or without its key"
    )
    gather.add_argument(
        "--address",
        default="127.0.0.1",
        help="the address to listen on (%(default)s, this computer only); 0.0.0.0 opens it to the local network",
    )
    gather.add_argument(
        "--port", type=whole_number(0, 65535), default=8765, help="the port (%(default)s); 0 takes a free one"
    )
    sheets = add("print", help="write a page to print, with a sheet of questions for each seat")
    sheets.set_defaults(run=run_print)
    sheets.add_argument("study", type=Path, help="the file of the study; with its key if --key is wanted")
    sheets.add_argument("page", type=Path, help="the page that is written, HTML")
    sheets.add_argument(
        "--key", type=Path, metavar="FILE", help="the teacher's page: slips with codes, and the letters"
    )
    sheets.add_argument("--seats", type=whole_number(1, 1000), help="how many seats, by default all")


def run_collect(options: argparse.Namespace) -> None:
    """Collect answers until Ctrl-C, with a counter, and say at the end what is there.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for what is no study.
        OSError: if the folder cannot be made or nothing can be served at the address.
    """
    from detxai_nb.survey import collect_answers, merge

    server = collect_answers(options.folder, options.study, address=options.address, port=options.port)
    with server as serving:
        collected = serving.collected
        print(f"Study    {collected.study.title}")
        print(f"Address  {serving.url}")
        print(f"Code     {collected.code[:3]}-{collected.code[3:]}")
        print(f"Folder   {collected.folder}")
        if options.address == "127.0.0.1":
            print("Only this computer reaches it; --address 0.0.0.0 opens it to the local network.")
        print("Ctrl-C ends it.", flush=True)

        def counted(*_: object) -> None:
            now = collected.counts()
            text = f"{now['seats']} of {now['of']} seats, {now['answers']} answers"
            print(f"\r{text}  " if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)

        collected.changed = counted
        counted()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()
    print(merge(collected.folder, collected.study))


def run_print(options: argparse.Namespace) -> None:
    """Write the sheets of a study, and the teacher's key beside them if a file is named for it.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for what is no study, one without a key, one that paper cannot answer, too many seats, or names of
            pages that do not end in ".html" or are the same.
        OSError: if a file cannot be written.
    """
    from detxai_nb.files import as_path, write_whole
    from detxai_nb.survey import Study, print_key, print_sheets

    places = [as_path(one, "a page to print") for one in (options.page, options.key) if one is not None]
    for path in places:
        if path.suffix != ".html" or path.is_dir():
            raise ValueError(f"the name of a page to print ends in .html, got {str(path)!r:.100}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent}; make it first")
    if len(set(places)) < len(places):
        raise ValueError(f"the sheets and the key are two pages, got {str(places[0])!r:.100} for both")
    study = Study.load(options.study)
    pages = [print_sheets(study, options.seats), *([] if options.key is None else [print_key(study, options.seats)])]
    for path, text in zip(places, pages):
        write_whole(path, text.encode())
        print(path)
