"""A kernel that is killed while ten seats answer in it: nothing that was answered is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

import detxai_nb as dx
from detxai_nb.survey import ItemAnswer, SeatAnswers, merge, simulate, to_text

SEATS, QUESTIONS = 10, 8
CELL = """
import detxai_nb as dx
from detxai_nb.survey import from_text
study = dx.survey.Study.load("a.study.json")
given = [from_text(text) for text in open("given.txt").read().split()]
widgets = [dx.widgets.Survey(study, f"seat{n}", seat=one.code) for n, one in enumerate(given)]
print("begun")
for widget in widgets:
    widget.agree()
for step in range(8):
    for number, (widget, seat) in enumerate(zip(widgets, given)):
        one = seat.answers[step]
        widget.answer(choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)
        print("kept", number, one.item, flush=True)
"""


def test_a_killed_kernel_loses_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager_module = pytest.importorskip("jupyter_client.manager")
    whole = simulate(SEATS, dx.survey.rehearsal_study(seats=SEATS, objects=2), seed=8)
    whole.study.without_key().save(tmp_path / "a.study.json")
    (tmp_path / "given.txt").write_text("\n".join(map(to_text, whole.seats)))
    manager, client = manager_module.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    told = ""
    try:
        client.execute(CELL)
        while told.count("kept") < SEATS * QUESTIONS // 2 - 3:
            message = client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "error":
                raise AssertionError("\n".join(message["content"]["traceback"]))
            told += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
    finally:
        manager.shutdown_kernel(now=True)
        client.stop_channels()
    monkeypatch.chdir(tmp_path)
    kept = [line.split()[1:] for line in told.splitlines() if line.startswith("kept")]
    before: list[tuple[ItemAnswer, ...]] = []
    for number, seat in enumerate(whole.seats):
        widget = dx.widgets.Survey("a.study.json", f"seat{number}")  # as when the cell is run again
        assert widget.seat == seat.code
        answers = () if widget.answers is None else widget.answers.answers
        assert {item for n, item in kept if int(n) == number} <= {one.item for one in answers}
        assert answers == seat.answers[: len(answers)]
        before.append(answers)
        for one in seat.answers[len(answers) :]:
            widget.answer(choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)
        assert merge(f"seat{number}", whole.study).seats == (seat,)
        widget.close()
    assert 0 < sum(map(len, before)) < SEATS * QUESTIONS
    rows = [SeatAnswers.load(next(Path(f"seat{n}").glob("*.json"))) for n in range(SEATS)]
    assert [one.code for one in rows] == [one.code for one in whole.seats]
