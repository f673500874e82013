"""Collecting over the local network: whole answers of the study at hand are taken once, everything else is refused."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import hostile

import detxai_nb as dx
from detxai_nb.survey import (
    ClassAnswers,
    CollectedAnswers,
    ItemAnswer,
    SeatAnswers,
    collect_answers,
    hand_in,
    merge,
    to_text,
)
from detxai_nb.survey import collecting_server as serving
from detxai_nb.survey.handing_in import CODE_HEADER


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return dx.survey.simulate(4, dx.survey.rehearsal_study(seats=5, objects=2), seed=3)


@pytest.fixture
def server(whole: ClassAnswers, tmp_path: Path) -> Iterator[Any]:
    collected, listening = CollectedAnswers(tmp_path / "in", whole.study), serving.listen("127.0.0.1", 0)
    with serving.CollectingServer(collected, listening, patience=0.3) as made:
        yield made


def asked(server: Any, method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, bytes]:
    """Status and content of one request; 0 where the connection was cut."""
    parts = urllib.parse.urlsplit(server.url)
    one = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        one.request(method, path, body, headers or {})
        got = one.getresponse()
        return got.status, got.read()
    except (ConnectionError, http.client.HTTPException):
        return 0, b""
    finally:
        one.close()


def files(server: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in server.collected.folder.iterdir()}


def test_answers_are_taken_once_and_the_fuller_ones_stay(whole: ClassAnswers, server: Any) -> None:
    one, code = whole.seats[0], server.collected.code
    part = SeatAnswers(one.study, one.code, consent=True, answers=one.answers[:3])
    typed = f"{code[:3].lower()}-{code[3:].lower()} "
    given = [hand_in(server.url, typed, answers) for answers in (part, one, part, one)]
    assert [(done.answers, done.kept) for done in given] == [
        (3, "new"),
        (8, "replaced"),
        (8, "already"),
        (8, "already"),
    ]
    assert str(given[1]) == f"Handed in: 8 of 8 answers of the seat {one.code}, more than before."
    assert list(files(server)) == [f"{one.study}-{one.code}.answers.json"]
    assert merge(server.collected.folder, whole.study).seats == (one,)
    assert hand_in(server.url.removeprefix("http://"), code, whole.seats[1]).kept == "new"
    # Whoever collects and starts again goes on with what is there.
    assert CollectedAnswers(server.collected.folder, whole.study).counts() == {"seats": 2, "of": 5, "answers": 16}


def test_the_text_of_a_qr_code_is_taken_as_a_file_is(whole: ClassAnswers, server: Any) -> None:
    headers = {CODE_HEADER: server.collected.code}
    status, said = asked(server, "POST", "/answers", to_text(whole.seats[2]).encode(), headers)
    assert (status, json.loads(said)["kept"]) == (200, "new")
    assert hand_in(server.url, server.collected.code, whole.seats[2]).kept == "already"
    assert merge(server.collected.folder, whole.study).seats == (whole.seats[2],)


def test_hostile_hand_ins_are_refused_and_change_nothing(whole: ClassAnswers, server: Any) -> None:
    good, code = whole.seats[0], server.collected.code
    hand_in(server.url, code, good)
    before, around = files(server), sorted(server.collected.folder.parent.rglob("*"))
    for what, content in hostile(whole.seats[1]).items():
        status, said = asked(server, "POST", "/answers", content, {CODE_HEADER: code})
        # Of ten megabytes the connection is cut before they are there.
        assert status in ((0, 400) if len(content) > 200_000 else (400,)), what
        assert not said or len(json.loads(said)["error"]) <= 300, what
    for wrong in ("", "AAAAAA", code + "0", code[:-1], "<b>", "x" * 5000, None):
        headers = {} if wrong is None else {CODE_HEADER: wrong}
        assert asked(server, "POST", "/answers", good.to_bytes(), headers)[0] == 403
    for method, path in (
        *(("GET", "/answers"), ("PUT", "/answers"), ("DELETE", "/answers"), ("OPTIONS", "/answers"), ("POST", "/")),
        *(("GET", "/../../etc/passwd"), ("GET", "/page.html"), ("GET", "//x"), ("POST", "/%2e%2e"), ("POST", "/x")),
    ):
        status, said = asked(server, method, path, None, {CODE_HEADER: code})
        assert status in (403, 404, 405), (method, path)
        assert "error" in json.loads(said)
    assert files(server) == before
    assert sorted(server.collected.folder.parent.rglob("*")) == around
    assert hand_in(server.url, code, whole.seats[1]).kept == "new"  # and goes on working


def test_slow_senders_are_cut_off_and_keep_nobody_waiting(whole: ClassAnswers, server: Any) -> None:
    parts = urllib.parse.urlsplit(server.url)
    content, code = whole.seats[0].to_bytes(), server.collected.code
    head = f"POST /answers HTTP/1.1\r\nHost: x\r\n{CODE_HEADER}: {code}\r\nContent-Length: {len(content)}\r\n\r\n"
    slow = []
    for begun in (b"", head[:20].encode(), head.encode(), head.encode() + content[:50]):
        one = socket.create_connection((parts.hostname, parts.port), timeout=20)
        one.sendall(begun)
        slow.append(one)
    assert hand_in(server.url, code, whole.seats[1]).kept == "new"
    for one in slow:
        with one:
            assert not one.recv(1000).startswith(b"HTTP/1.1 200")  # it ends, with nothing or with a refusal
    assert [path.partition("-")[2][:8] for path in files(server)] == [whole.seats[1].code]


def test_many_seats_at_once_are_each_there_once(whole: ClassAnswers, server: Any) -> None:
    done: list[str] = []
    seats = whole.seats * 3

    def go(one: SeatAnswers) -> None:
        done.append(hand_in(server.url, server.collected.code, one).kept)

    threads = [threading.Thread(target=go, args=(one,)) for one in seats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["already"] * 8 + ["new"] * 4
    assert merge(server.collected.folder, whole.study).seats == whole.seats


def test_a_damaged_file_of_the_same_name_stays(whole: ClassAnswers, tmp_path: Path) -> None:
    one = whole.seats[0]
    there = tmp_path / f"{one.study}-{one.code}.answers.json"
    there.write_bytes(b"half a file")
    collected = CollectedAnswers(tmp_path, whole.study)
    assert collected.take(one.to_bytes()).kept == "new"
    assert there.read_bytes() == b"half a file"
    assert merge(tmp_path, whole.study).seats == (one,)


def test_a_full_disk_is_told_and_nothing_is_counted(
    whole: ClassAnswers, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="could not be written there"):
        hand_in(server.url, server.collected.code, whole.seats[0])
    monkeypatch.undo()
    assert (server.collected.counts()["seats"], files(server)) == (0, {})


def test_the_page_tells_totals_and_neither_code_nor_seats(whole: ClassAnswers, server: Any) -> None:
    hand_in(server.url, server.collected.code, whole.seats[0])
    status, said = asked(server, "GET", "/count")
    assert (status, json.loads(said)) == (200, {"title": "Rehearsal", "seats": 1, "of": 5, "answers": 8})
    for path in ("/", "/page.css", "/page.js"):
        status, said = asked(server, "GET", path)
        assert status == 200
        assert server.collected.code.encode() not in said
        assert whole.seats[0].code.encode() not in said
        assert b"odam" not in said


@pytest.mark.parametrize(
    ("address", "code", "error", "words"),
    [
        ("", "ABCDEF", ValueError, "an address is such as"),
        ("ftp://127.0.0.1", "ABCDEF", ValueError, "an address is such as"),
        ("file:///etc/passwd", "ABCDEF", ValueError, "an address is such as"),
        ("http://a b", "ABCDEF", ValueError, "an address is such as"),
        ("http://a:99999", "ABCDEF", ValueError, "an address is such as"),
        ("http://me:secret@a", "ABCDEF", ValueError, "an address is such as"),
        (5, "ABCDEF", TypeError, "an address is a text"),
        ("http://127.0.0.1:9", 5, TypeError, "the code for handing in is a text"),
        ("http://127.0.0.1:9", "", ValueError, "stands beside the address"),
        ("http://127.0.0.1:9", "A\r\nX: 1", ValueError, "stands beside the address"),
        ("http://127.0.0.1:9", "ABCDEF", ConnectionError, "does not answer"),
    ],
)
def test_handing_in_elsewhere_fails_in_words(
    address: Any, code: Any, error: type[Exception], words: str, whole: ClassAnswers
) -> None:
    with pytest.raises(error, match=words):
        hand_in(address, code, whole.seats[0])


def test_what_is_no_collecting_page_is_noticed(whole: ClassAnswers) -> None:
    """Another program answers there: with a page, with nothing, or with a redirection to somewhere else."""
    for said in (b"HTTP/1.0 200 OK\r\n\r\n<html>", b"", b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as other:

            def answer(other: socket.socket = other, said: bytes = said) -> None:
                one, _ = other.accept()
                with one:
                    one.recv(100_000)
                    one.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises((ValueError, ConnectionError), match=r"127\.0\.0\.1"):
                hand_in(f"http://127.0.0.1:{other.getsockname()[1]}", "ABCDEF", whole.seats[0])
            thread.join()


def test_an_address_that_is_not_free_is_told(whole: ClassAnswers, server: Any, tmp_path: Path) -> None:
    port = urllib.parse.urlsplit(server.url).port
    for address, wanted in (("127.0.0.1", port), ("192.0.2.1", 0), ("no such name", 0)):
        with pytest.raises(OSError, match="nothing can be served at"):
            collect_answers(tmp_path / "new", whole.study, address=address, port=wanted or 0)
    with pytest.raises(ValueError, match="a port is a number"):
        collect_answers(tmp_path / "new", whole.study, port=70_000)
    with pytest.raises(FileNotFoundError, match="no file"):
        collect_answers(tmp_path / "new", tmp_path / "none.study.json", port=0)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        collect_answers(tmp_path / "file", whole.study, port=0)


def test_of_answers_that_are_none_nothing_is_taken(whole: ClassAnswers, tmp_path: Path) -> None:
    collected = CollectedAnswers(tmp_path, whole.study)
    one = whole.seats[0]
    for answers in (
        SeatAnswers(one.study, one.code, consent=False),
        SeatAnswers(one.study, one.code, consent=True),
        SeatAnswers("0" * 16, one.code, consent=True, answers=[ItemAnswer("i00", "ABCD")]),
    ):
        with pytest.raises(ValueError, match=r"no answers in it|of the study"):
            collected.take(answers.to_bytes())
    assert list(tmp_path.iterdir()) == []


def test_the_command_collects_until_ctrl_c_and_says_what_is_there(whole: ClassAnswers, tmp_path: Path) -> None:
    whole.study.save(tmp_path / "a.study.json")
    words = ["survey", "collect", str(tmp_path / "in"), "--port", "0", "--study", str(tmp_path / "a.study.json")]
    # Where the tests run in the background, Ctrl-C is ignored, and so it would be in there.
    code = f"""import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from detxai_nb.cli import main
raise SystemExit(main({words!r}))"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        told: dict[str, str] = {}
        assert process.stdout
        for text in process.stdout:
            word, _, rest = text.strip().partition("  ")
            told[word] = rest.strip()
            if "seats," in text:
                break
        hand_in(told["Address"], told["Code"], whole.seats[0])
        assert process.stdout.readline() == "1 of 5 seats, 8 answers\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.strip().startswith("1 of 5 seats; missing: ")
