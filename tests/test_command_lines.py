"""Bad command lines: each ends with status 2 and one line that says what is wrong, and nothing is written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb import lab
from detxai_nb.cli import main

NO_NUMBERS = ("", " ", "nan", "x", "1,5", "--", "٣x", "0x10", "1e", "None", "<b>1</b>", "9" * 5000 + "x")
NO_SHARES = (*NO_NUMBERS, "-0.1", "1.1", "30", "inf", "-inf", "1e400")
NO_WHOLES = (*NO_NUMBERS, "-1", "0.5", "1e3", "inf")
NO_NAMES = ("", " ", "nope", "ODAM!", "<script>", "../..", "a\0b", "half \udc80", "ä" * 300, "x" * 20_000, "-", "a b")
NO_PATHS = (
    "",
    "nowhere.png",
    "a\0b.png",
    "x" * 20_000,
    "~no-such-user-here/a",
    "https://example.com/a.png",
    "half\udc80",
)
EXPLAIN = ("explain", "scene.png", "--out", "out.png")
EVALUATE = ("evaluate", "odam", "--scenes", "1")


def usage() -> Iterator[tuple[str, ...]]:
    """Lines that the parser refuses."""
    yield from ((), ("--nope",), ("nope",), ("",), ("\0",), ("explain",), ("explain", "scene.png"), ("evaluate",))
    yield from (("explain", "--out", "out.png"), (*EXPLAIN, "more"), (*EXPLAIN, "--nope"), ("--traceback",))
    yield from (
        (command, "--nope") for command in ("evaluate", "example", "fetch", "lab", "detectors", "methods", "doctor")
    )
    yield from ((command, "a", "b") for command in ("detectors", "methods", "metrics", "example", "fetch", "lab"))
    yield from (
        (*EXPLAIN, option) for option in ("--method", "--layer", "--object", "--setting", "--weights", "--names")
    )
    yield from ((*EXPLAIN, "--score-threshold", value) for value in NO_SHARES)
    yield from ((*EXPLAIN, "--object", value) for value in NO_WHOLES)
    for option in ("--scenes", "--limit", "--workers", "--seed"):
        yield from (("evaluate", "odam", option, value) for value in NO_WHOLES)
    yield from (("evaluate", "odam", option, "0") for option in ("--scenes", "--limit", "--workers"))
    yield from (("example", "--number", value) for value in NO_WHOLES)
    yield from (("lab", "--port", value) for value in (*NO_WHOLES, "0", "65536"))
    yield from (("workshop",), ("workshop", "nope"), ("workshop", "prepare"), ("workshop", "check"))
    yield from (("workshop", "prepare", "a", "--seats", value) for value in (*NO_WHOLES, "0", "1001"))
    yield from (("survey",), ("survey", "nope"), ("survey", "collect"), ("survey", "collect", "in"))
    yield from (("survey", "collect", "in", "--study", "a", "--port", value) for value in (*NO_WHOLES, "65536"))
    yield from (("survey", "print", "a", "a.html", "--seats", value) for value in (*NO_WHOLES, "0", "1001"))


def quick() -> Iterator[tuple[str, ...]]:
    """Lines that are refused before a detector is loaded."""
    for table in ("detectors", "methods", "metrics"):
        yield from ((table, name) for name in NO_NAMES if not name.startswith("-"))
    yield from (("explain", path, "--out", "out.png") for path in (*NO_PATHS, ".", "text.png", "cut.png", "text.npz"))
    yield from (
        ("explain", many, "--out", out) for many in (".", "coco.json", "list.json") for out in ("a.png", "text.png")
    )
    yield from (("explain", many, "--out", "a", "--out", "b") for many in (".", "coco.json"))
    yield from (("explain", path, "--out", "a") for path in ("coco.json", "text.json", "list.json", "gone.json"))
    yield from ((*EXPLAIN[:2], "--out", out) for out in ("", "out", "out.jpg", "out.png.txt", "no/out.png", "a\0b.png"))
    yield from (
        (*EXPLAIN, "--out", out) for out in ("x" * 20_000 + ".png", "scene.png/out.npz", "half\ud800.npz", "folder.png")
    )
    yield from ((*EXPLAIN, "--setting", text) for text in ("", "=", "=1", "direction", " "))
    yield from ((*EXPLAIN, "--detector-setting", text) for text in ("", "=", "=1", "x", "names=1", "weights=1", "x=1"))
    yield from ((*EXPLAIN, "--detector", name) for name in NO_NAMES if name != "-")
    yield from ((*EXPLAIN, "--weights", path) for path in (*NO_PATHS[1:], ".", "text.png", "text.safetensors"))
    yield from ((*EXPLAIN, "--names", names) for names in ("", ",", "a,,b", " ", "empty.txt"))
    yield from ((*EXPLAIN, "--detector", name) for name in ("nowhere.onnx", "text.onnx", "folder.onnx", "no/a\0.ONNX"))
    yield from ((*EXPLAIN, "--decode", name) for name in NO_NAMES if name != "-")
    yield from ((*EXPLAIN, "--device", name) for name in ("", "gpu", "cuda:99", "tpu", "cpu:x", "meta?"))
    yield from (("evaluate", name, "--scenes", "1") for name in NO_NAMES if name != "-")
    yield from ((*EVALUATE, "--mode", name) for name in NO_NAMES if name != "-")
    yield from ((*EVALUATE, "--protocol", name) for name in NO_NAMES[2:7])
    yield from ((*EVALUATE, "--exclude", name) for name in NO_NAMES[2:7])
    yield from (
        ("evaluate", "odam", "--coco", path) for path in (*NO_PATHS[1:], ".", "text.png", "text.json", "list.json")
    )
    yield from (("evaluate", "odam", "--coco", "coco.json", "--images", path) for path in (*NO_PATHS[1:], "text.png"))
    yield ("evaluate", "odam", "--images", ".")
    yield from (("evaluate", "--config", path) for path in (*NO_PATHS, ".", "text.png", "text.json", "empty.txt"))
    yield from (
        ("doctor", option, "scene.png") for option in ("--image", "--coco", "--images", "--expected", "--weights")
    )
    examine = ("doctor", "--detector", "tiny-fcos")
    yield from (examine, (*examine, "--image", "scene.png", "--coco", "coco.json"))
    yield (*examine, "--image", "scene.png", "--images", ".")
    yield from ((*examine, "--image", path) for path in (*NO_PATHS, ".", "text.png", "cut.png"))
    yield from ((*examine, "--image", "scene.png", "--expected", path) for path in (*NO_PATHS[1:], ".", "text.json"))
    yield from ((*EVALUATE, "--store", path) for path in ("scene.png", ".", *NO_PATHS[2:6]))
    yield from (
        ("example", path) for path in ("a", "a.jpg", "no/a.png", "scene.png", "text.png", "a\0.png", "x" * 999 + ".png")
    )
    yield from (("example", "--photograph", path) for path in ("a.png", "no/a.jpg", "x" * 999 + ".jpg"))
    yield from (("fetch", name) for name in (*NO_NAMES, "tiny-fcos") if name not in ("-", " "))
    yield from (("fetch", "fcos_resnet50_fpn", "--from", path) for path in (*NO_PATHS[1:], ".", "text.png"))
    yield ("fetch", "--from", "scene.png")
    yield from (("lab", path) for path in ("scene.png", "scene.png/a", "a\0b", "x" * 20_000))
    yield from (("workshop", "check", path) for path in (*NO_PATHS, ".", "scene.png"))
    yield from (("workshop", "prepare", path) for path in ("scene.png", "a\0b", "x" * 20_000, "https://example.com/a"))
    yield from (("survey", "collect", "in", "--study", path) for path in (*NO_PATHS[1:], ".", "text.json", "coco.json"))
    yield from (("survey", "print", path, "a.html") for path in (*NO_PATHS[1:], ".", "text.json", "coco.json"))
    yield from (("survey", "print", "text.json", path) for path in (*NO_PATHS, ".", "a.txt", "no/a.html"))
    yield ("survey", "print", "text.json", "a.html", "--key", "a.html")


def slow() -> Iterator[tuple[str, ...]]:
    """Lines that are refused when a detector has been asked."""
    yield from ((*EXPLAIN, "--method", name) for name in ("", "nope", "\udc80"))
    yield from ((*EXPLAIN, "--target", name) for name in ("", "nope", "class,x1"))
    yield from ((*EXPLAIN, "--layer", name) for name in ("", "nope"))
    yield from ((*EXPLAIN, "--setting", text) for text in ("direction=up", "nope=1", "direction=[1]", "smooth=nan"))
    yield from ((*EXPLAIN, "--object", "99"), (*EXPLAIN, "--score-threshold", "1"), (*EXPLAIN, "--colormap", "nope"))
    yield from ((*EXPLAIN, "--names", "a,b"), (*EXPLAIN, "--method", "bbam"), (*EXPLAIN, "--detector-setting", "x=1"))
    yield (*EXPLAIN, "--method", "eigen-cam", "--target", "combined", "--setting", "combine=nope")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(dx.data.scenes.Scenes(1, width=160, height=128)[0].image).save("scene.png")
    whole = Path("scene.png").read_bytes()
    files = {
        "text.png": b"no picture",
        "cut.png": whole[: len(whole) // 2],
        "text.safetensors": b"x" * 100,
        "text.json": b"{",
        "text.npz": b"PK",
        "list.json": b"[1]",
        "empty.txt": b"",
        "coco.json": b'{"images": [], "annotations": [], "categories": [{"id": 1, "name": "apple"}]}',
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    Path("folder.png").mkdir()

    def never(*_: object) -> None:
        raise AssertionError("JupyterLab was started")

    monkeypatch.setattr(lab, "run_lab", never)
    return tmp_path


def run(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        status = main(list(line))
    except SystemExit as ended:
        status = int(str(ended.code))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("kind", [usage, quick, slow], ids=["usage", "quick", "slow"])
def test_every_bad_line_ends_in_one_sentence(kind: object, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((path, path.stat().st_size) for path in folder.rglob("*"))
    lines = list(kind())  # type: ignore[operator]
    random.Random(0).shuffle(lines)
    wrong = []
    for line in lines:
        shown = tuple(word[:40] for word in line)
        try:
            status, out, err = run(line, capsys)
        except Exception as error:
            wrong.append((shown, f"{type(error).__name__}: {error}"[:200]))
            continue
        sentences = [text for text in err.splitlines() if not text.startswith("detxai-nb: note:")]
        if status != 2 or out or len(sentences) != 1 or not err.startswith("detxai-nb") or len(err) > 3000:
            wrong.append((shown, f"status {status}, {out[:80]!r}, {err[:200]!r} ({len(err)} characters)"))
        if (now := sorted((path, path.stat().st_size) for path in folder.rglob("*"))) != before:
            wrong.append((shown, f"wrote {sorted(set(now) - set(before))}"))
            before = now
    assert not wrong, "\n".join(f"{line}: {what}" for line, what in wrong)
    assert len(lines) >= {usage: 110, quick: 150, slow: 12}[kind]  # type: ignore[index]
