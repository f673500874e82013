"""Seconds of each step of a workshop, as a seat and as a teacher go through it, on two cores and without a network.

    python tests/bench/bench_workshop.py [--masks 500] [--prepared FOLDER] [--with-network]

By default the whole runs again in a network namespace of its own, in which only 127.0.0.1 answers (`unshare`, Linux),
and on two cores. With --prepared the studies of that folder are taken and preparing is not timed again. Steps: each
cell of the notebook 10 with its solutions, first alone (small studies), then in the folder of a workshop that holds a
class's answers; preparing and checking the folder; sheets of paper; one seat that answers all three studies and hands
in by each of the three ways; thirty seats that hand in; merging and the tables. The exit status is 1 if a step that the
class waits for takes more than 15 seconds.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST = 15.0
APART = "DETXAI_NB_BENCH_APART"
STUDIES = ("rank", "draw", "detectors")
Row = tuple[str, str, float, float]
"""Who waits, for what, seconds, and seconds of processor time, which suffer less where other programs run."""


def loopback_up() -> None:
    """Let 127.0.0.1 answer in a new network namespace, where it is down at first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        name = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(one, 0x8913, name))[1]  # SIOCGIFFLAGS
        fcntl.ioctl(one, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


def has_network() -> bool:
    """Whether there is a way out of this computer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
        except OSError:
            return False
    return True


def timed(rows: list[Row], who: str, step: str, work: Callable[[], Any]) -> Any:
    start = (time.perf_counter(), processor_time())
    found = work()
    note(rows, who, step, time.perf_counter() - start[0], processor_time() - start[1])
    return found


def processor_time() -> float:
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def note(rows: list[Row], *row: Any) -> None:
    rows.append(row)  # type: ignore[arg-type]
    print(f"{row[2]:7.1f} s, {row[3]:5.1f} s of processor time  {row[0]}: {row[1]}", flush=True)


def cells(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Execute the notebook with its solutions in a folder; the name of each cell and its seconds."""
    import nbclient
    import nbformat
    import psutil

    notebook = nbformat.read(REPOSITORY / "notebooks" / "solutions" / "10_workshop.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    start = time.perf_counter()
    with client.setup_kernel():
        kernel = psutil.Process(client.km.provisioner.process.pid)

        def used() -> float:
            return sum(kernel.cpu_times()[:2])

        yield "start of the kernel", time.perf_counter() - start, used()
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                start, before = time.perf_counter(), used()
                client.execute_cell(cell, number)
                yield cell.id, time.perf_counter() - start, used() - before


def run_notebook(rows: list[Row], who: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, *seconds in cells(folder):
        note(rows, who, name if " " in name else f"cell {name}", *seconds)


def command(*words: str) -> None:
    """Run the command line in a process of its own, as a person does."""
    program = "import sys; from detxai_nb.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=subprocess.DEVNULL)


def run_class(rows: list[Row], kit: Path, work: Path) -> None:
    """Thirty seats answer and hand in; the first through the widget, the way a person goes."""
    import detxai_nb as dx
    from detxai_nb.survey import collect_answers, merge, report, simulate, to_text

    for name in STUDIES:
        keyed = timed(
            rows,
            "teacher",
            f"{name}: read the study",
            lambda name=name: dx.survey.Study.load(kit / f"teacher/{name}.study.json"),
        )
        public = kit / f"studies/{name}.study.json"
        whole = timed(rows, "bench", f"{name}: thirty simulated seats", lambda keyed=keyed: simulate(30, keyed))
        folder = work / "class" / name
        server = collect_answers(folder, public, port=0)
        with server as serving:
            seat = whole.seats[0]
            widget = timed(
                rows,
                "seat",
                f"{name}: Survey opens",
                lambda seat=seat, public=public, name=name: dx.widgets.Survey(public, work / "answers", seat=seat.code),
            )
            timed(
                rows,
                "seat",
                f"{name}: {len(seat)} answers are kept",
                lambda widget=widget, seat=seat: [
                    widget.agree(),
                    *(
                        widget.answer(choice=a.choice, box=a.box, confidence=a.confidence, seconds=9)
                        for a in seat.answers
                    ),
                ],
            )
            timed(
                rows,
                "seat",
                f"{name}: hand in over the network",
                lambda widget=widget, serving=serving: widget.hand_in(serving.url, serving.collected.code),
            )
            (work / "stick").mkdir(exist_ok=True)
            timed(
                rows,
                "seat",
                f"{name}: hand in by file and by text",
                lambda widget=widget: (widget.answers.save(work / "stick"), to_text(widget.answers)),
            )
            widget.close()
            timed(
                rows,
                "teacher",
                f"{name}: 29 more seats hand in",
                lambda whole=whole, serving=serving: [
                    dx.survey.hand_in(serving.url, serving.collected.code, one) for one in whole.seats[1:]
                ],
            )
        merged = timed(rows, "teacher", f"{name}: merge", lambda folder=folder, keyed=keyed: merge(folder, keyed))
        assert len(merged.seats) == 30
        timed(rows, "teacher", f"{name}: the tables", lambda merged=merged: str(report(merged)))
        shutil.copy(kit / f"teacher/{name}.study.json", folder)


def run(options: argparse.Namespace) -> int:
    """Go through the workshop."""
    rows: list[Row] = []
    print(f"{len(os.sched_getaffinity(0))} cores, network {'on' if has_network() else 'off'}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        kit = options.prepared or work / "kit"
        if options.prepared is None:
            masks = ("--masks", str(options.masks), "--no-wheels")
            timed(
                rows,
                "before",
                f"workshop prepare, {options.masks} masks",
                lambda: command("workshop", "prepare", str(kit), *masks),
            )
        timed(rows, "before", "workshop check", lambda: command("workshop", "check", str(kit)))
        sheets = (str(kit / "teacher/rank.study.json"), str(work / "sheets.html"), "--key", str(work / "key.html"))
        timed(rows, "before", "survey print, 30 seats", lambda: command("survey", "print", *sheets))
        run_notebook(rows, "alone", work / "alone")
        run_class(rows, kit, work)
        lesson = work / "lesson"
        shutil.copytree(kit / "studies", lesson / "studies")
        shutil.copytree(work / "class", lesson / "notebooks" / "class")
        run_notebook(rows, "in class", lesson / "notebooks")
        late = summary(rows)
        print(discrimination(kit / "teacher/draw.study.json"))
    return late


def discrimination(path: Path) -> str:
    """The mean discrimination index of the maps in which boxes are drawn, by method."""
    import numpy as np

    import detxai_nb as dx

    found: dict[str, list[float]] = {}
    for key in dx.survey.Study.load(path).require_key().values():
        for option, value in zip(key.options, key.discrimination):
            found.setdefault(option, []).append(np.nan if value is None else value)
    return "discrimination index: " + ", ".join(f"{name} {np.nanmean(some):.2f}" for name, some in found.items())


def summary(rows: list[Row]) -> int:
    """Print the table; 1 if a step that a class waits for took too long."""
    waited = [row for row in rows if row[0] not in ("before", "bench")]
    print("\n| who | step | seconds | of processor time |\n|---|---|---|---|")
    before = [row for row in rows if row[0] == "before"]
    for who, step, *seconds in [*before, *sorted(waited, key=lambda row: -row[2])[:12]]:
        print(f"| {who} | {step} | {seconds[0]:.1f} | {seconds[1]:.1f} |")
    for who in dict.fromkeys(row[0] for row in waited):
        some = [row for row in rows if row[0] == who]
        print(f"| {who} | all {len(some)} steps | {sum(row[2] for row in some):.1f} | {sum(r[3] for r in some):.1f} |")
    late = [row for row in waited if row[2] > LONGEST]
    print(f"longest {max(row[2] for row in waited):.1f} s; {len(late)} of {len(waited)} steps above {LONGEST:g} s")
    return int(bool(late))


def main() -> int:
    """Go apart from the network and onto two cores, then run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=int, default=500)
    parser.add_argument("--prepared", type=Path, help="a folder that `detxai-nb workshop prepare` made")
    parser.add_argument("--with-network", action="store_true")
    options = parser.parse_args()
    if not options.with_network and APART not in os.environ:
        line = ["unshare", "--net", "--map-root-user", sys.executable, *sys.argv]
        os.environ[APART] = "1"
        os.execvp(line[0], line)
    if APART in os.environ:
        loopback_up()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ |= {"DETXAI_NB_PROFILE": "quick", "PYTHONPATH": str(REPOSITORY)}
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
