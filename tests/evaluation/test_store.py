"""The folder of rows: whole files or none, merged as they grow, never mixed, right again after any interruption."""

from __future__ import annotations

import builtins
import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_evaluation import assert_same

from detxai_nb.evaluation import store
from detxai_nb.evaluation.rows import COLUMNS, ImageRows, Record, to_frame
from detxai_nb.evaluation.store import FolderStore, MemoryStore, open_store, read_store

pq = pytest.importorskip("pyarrow.parquet", reason="the extra 'evaluation' is not installed")

SETTINGS = {"seed": 0, "methods": {"odam": {"smooth": None}, "grad-cam": {}}}


def part(image: int, rows: int = 2, error: str | None = None) -> ImageRows:
    """Rows with every kind of cell, also undefined ones."""
    cells: dict[str, list[Any]] = {
        "whole": [image] * rows,
        "number": [image + row / 8 if row else float("nan") for row in range(rows)],
        "text": [f"Ä{image}-{row}" for row in range(rows)],
        "curve": [[float(row), float("nan")] if row else None for row in range(rows)],
        "figures": [{"others": 1.0, "gain": None} if row else None for row in range(rows)],
    }
    record = Record(image, image + 100, f"{image}.png", 3, rows, {"not detected": 1}, ("bird",), error)
    return ImageRows(record, {name: cells[kind] for name, kind in COLUMNS.items()})


def frame(kept: Any, images: range) -> pd.DataFrame:
    return to_frame(kept.columns(images))


def memory(images: range, **about: Any) -> MemoryStore:
    kept = MemoryStore()
    for image in images:
        kept.add(part(image, **about))
    return kept


def filled(folder: Path, order: Any) -> FolderStore:
    kept = open_store(folder, SETTINGS)
    for image in order:
        kept.add(part(image))
    return kept


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("images-*"))


def test_what_is_kept_is_what_came_in_any_order(tmp_path: Path) -> None:
    kept = filled(tmp_path / "a", [3, 0, 4, 1, 2])
    assert_same(frame(kept, range(5)), frame(memory(range(5)), range(5)))
    assert_same(frame(kept, range(2)), frame(memory(range(5)), range(2)))
    kept.close()
    again = open_store(tmp_path / "a", SETTINGS)
    assert again.records == kept.records == {image: part(image).record for image in range(5)}
    assert_same(frame(again, range(5)), frame(memory(range(5)), range(5)))
    again.close()


def test_files_are_merged_level_by_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MERGE", 3)
    order = np.random.default_rng(0).permutation(13).tolist()
    kept = filled(tmp_path, order)
    levels = [int(name.split("-")[1]) for name in files(tmp_path)]
    assert sorted(levels) == [0, 1, 2]
    assert_same(frame(kept, range(13)), frame(memory(range(13)), range(13)))
    kept.close()
    again = open_store(tmp_path, SETTINGS)
    assert sorted(again.records) == list(range(13))
    assert_same(frame(again, range(13)), frame(memory(range(13)), range(13)))
    again.close()


def test_a_kill_between_merging_and_removing_leaves_each_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MERGE", 3)
    kept = filled(tmp_path, [0, 1])

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            kept.add(part(2))
    kept.close()
    assert len(files(tmp_path)) == 4
    _, records, columns = read_store(tmp_path)
    assert [record.image for record in records] == [0, 1, 2]
    assert_same(to_frame(columns), frame(memory(range(3)), range(3)))
    assert len(files(tmp_path)) == 4  # reading changes nothing
    again = open_store(tmp_path, SETTINGS)
    assert files(tmp_path) == ["images-1-000000000.parquet"]
    assert_same(frame(again, range(3)), frame(memory(range(3)), range(3)))
    again.close()


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    filled(tmp_path, [0]).close()
    half = tmp_path / ".images-0-000000001.parquet.x1.part"
    half.write_bytes(b"PAR1 half a f")
    again = open_store(tmp_path, SETTINGS)
    assert not half.exists()
    assert list(again.records) == [0]
    again.close()


def test_a_process_killed_before_it_wrote_its_settings_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "_lock").touch()
    (tmp_path / "._settings.json.x1.part").write_text("{", encoding="utf-8")
    filled(tmp_path, [0]).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_lock", "_settings.json", "images-0-000000000.parquet"]


@pytest.mark.parametrize("when", ["write", "flush to the disk", "merge"])
def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr(store, "MERGE", 3)
    kept = filled(tmp_path, [0, 1])
    real = os.fdopen

    class Full:
        """A file on a disk on which there is room for one more small file, or none."""

        room = 1 if when == "merge" else 0

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Any:
            Full.room -= 1
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

        def write(self, content: bytes) -> None:
            self.file.write(content[:10] if Full.room < 0 else content)
            if Full.room < 0 and when != "flush to the disk":
                raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            self.file.flush()
            if Full.room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self) -> int:
            return int(self.file.fileno())

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", lambda handle, mode: Full(real(handle, mode)))
        with pytest.raises(OSError, match=r"No space left on device.*Make room and run the same evaluation") as caught:
            kept.add(part(2))
    assert caught.value.errno == errno.ENOSPC
    kept.close()
    assert not list(tmp_path.glob(".*.part"))
    again = open_store(tmp_path, SETTINGS)
    there = 3 if when == "merge" else 2
    assert list(again.records) == list(range(there))
    again.add(part(there))
    assert_same(frame(again, range(there + 1)), frame(memory(range(there + 1)), range(there + 1)))
    again.close()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({**SETTINGS, "seed": 1}, "seed was 0 and is now 1"),
        (
            {**SETTINGS, "methods": {"odam": {"smooth": "box"}, "grad-cam": {}}},
            'methods.odam.smooth was null and is now "box"',
        ),
        ({**SETTINGS, "methods": {"odam": {"smooth": None}}}, "methods.grad-cam is missing now"),
        ({**SETTINGS, "limit": 3}, "limit is new"),
        (
            {**SETTINGS, "methods": dict(reversed(SETTINGS["methods"].items()))},
            "the order of methods was odam, grad-cam",
        ),  # type: ignore[attr-defined]
    ],
)
def test_other_settings_are_refused_by_name(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    filled(tmp_path, [0]).close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"(?s){words}.*never mixed"):
        open_store(tmp_path, changed)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    open_store(tmp_path, SETTINGS).close()


def test_two_processes_do_not_write_at_once(tmp_path: Path) -> None:
    first = open_store(tmp_path, SETTINGS)
    with pytest.raises(RuntimeError, match="another process is writing"):
        open_store(tmp_path, SETTINGS)
    first.close()
    open_store(tmp_path, SETTINGS).close()


def test_folders_and_files_of_something_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="not the store of an evaluation"):
        open_store(tmp_path, SETTINGS)
    with pytest.raises(ValueError, match="not the store of an evaluation"):
        open_store(tmp_path / "thesis.txt", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(FileNotFoundError, match="there is no evaluation at"):
        read_store(tmp_path)


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path, [0, 1]).close()
    bad = tmp_path / "images-0-000000001.parquet"
    bad.write_bytes(bad.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"000000001.parquet is damaged .*remove that file"):
        open_store(tmp_path, SETTINGS)
    bad.unlink()
    again = open_store(tmp_path, SETTINGS)
    assert list(again.records) == [0]
    again.close()
    (tmp_path / "_settings.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"_settings\.json is damaged"):
        open_store(tmp_path, SETTINGS)
    (tmp_path / "_settings.json").write_text(json.dumps({"format": "2"}), encoding="utf-8")
    with pytest.raises(ValueError, match="not of the format"):
        open_store(tmp_path, SETTINGS)


def test_an_unreadable_image_is_kept_apart_until_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MERGE", 2)
    kept = filled(tmp_path, [0])
    kept.add(part(1, rows=0, error="ValueError: damaged"))
    kept.add(part(2))
    assert files(tmp_path) == ["images-0-000000001.parquet", "images-1-000000000.parquet"]
    kept.close()
    again = open_store(tmp_path, SETTINGS)
    assert again.records[1].error == "ValueError: damaged"
    again.add(part(1))
    assert again.records[1].error is None
    assert_same(frame(again, range(3)), frame(memory(range(3)), range(3)))
    again.close()


def test_any_reader_of_parquet_reads_the_folder(tmp_path: Path) -> None:
    filled(tmp_path, range(3)).close()
    table = pd.read_parquet(tmp_path)
    assert sorted(table["image"]) == [0, 0, 1, 1, 2, 2]
    assert list(table.columns) == list(COLUMNS)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "detxai-nb\[evaluation\]"'):
        open_store(tmp_path / "new", SETTINGS)
    assert not (tmp_path / "new").exists()


def test_files_are_flushed_before_they_are_moved_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, move = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("flush"), sync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda one, other: (done.append("move"), move(one, other))[1])
    store.write_whole(tmp_path / "x", b"content")
    assert done[:2] == ["flush", "move"]
    assert (tmp_path / "x").read_bytes() == b"content"


def merged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of one merged file; its path."""
    monkeypatch.setattr(store, "MERGE", 3)
    filled(folder, range(3)).close()
    (name,) = files(folder)
    return folder / name


def outcome(folder: Path) -> Any:
    try:
        _, records, columns = read_store(folder)
    except ValueError:
        return None
    return records, to_frame(columns)


def test_a_flipped_bit_gives_the_same_table_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = merged(tmp_path, monkeypatch)
    raw, (records, frame) = path.read_bytes(), outcome(tmp_path)
    random = np.random.default_rng(0)
    for _ in range(int(os.environ.get("DETXAI_NB_BITS", "60"))):
        damaged = bytearray(raw)
        damaged[random.integers(len(raw))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        found = outcome(tmp_path)
        if found is not None:
            assert found[0] == records
            assert_same(found[1], frame)
    for end in (0, 8, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:end])
        assert outcome(tmp_path) is None
        with pytest.raises(ValueError, match=r"is damaged .*remove that file"):
            open_store(tmp_path, SETTINGS)


def test_rows_cut_off_by_another_writer_are_noticed(tmp_path: Path) -> None:
    filled(tmp_path, [0]).close()
    (name,) = files(tmp_path)
    table = pq.read_table(tmp_path / name)
    pq.write_table(table.slice(0, 1), tmp_path / name)
    with pytest.raises(ValueError, match="is damaged"):
        read_store(tmp_path)


def test_files_of_another_evaluation_are_refused(tmp_path: Path) -> None:
    filled(tmp_path / "a", [0, 1]).close()
    other = open_store(tmp_path / "b", {**SETTINGS, "seed": 1})
    other.add(part(1))
    other.close()
    name = "images-0-000000001.parquet"
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    for ask in (lambda: read_store(tmp_path / "a"), lambda: open_store(tmp_path / "a", SETTINGS)):
        with pytest.raises(ValueError, match=r"000000001\.parquet holds rows of an evaluation with other settings"):
            ask()
    (tmp_path / "a" / name).unlink()
    open_store(tmp_path / "a", SETTINGS).close()
    known = tmp_path / "a" / "_settings.json"
    known.write_text(known.read_text().replace('"seed": 0', '"seed": 4'), encoding="utf-8")
    with pytest.raises(ValueError, match="with other settings"):
        read_store(tmp_path / "a")


def test_files_with_another_name_are_refused_in_words(tmp_path: Path) -> None:
    filled(tmp_path, [0]).close()
    (tmp_path / "images-old.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"images-old\.parquet is no file of an evaluation"):
        read_store(tmp_path)


def test_ids_of_images_may_be_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All texts, or some: the same table from memory, from small files and from merged ones."""
    monkeypatch.setattr(store, "MERGE", 3)
    for number, ids in enumerate((["a", "b", "c", "d"], [7, "0007", 9, "x"])):
        kept, mirror = open_store(tmp_path / str(number), SETTINGS), MemoryStore()
        for image, name in enumerate(ids):
            one = part(image)
            columns = {**one.columns, "image_id": [name] * len(one)}
            for each in (kept, mirror):
                each.add(ImageRows(replace(one.record, image_id=name), columns))
        wanted = frame(mirror, range(4))
        assert wanted["image_id"].unique().tolist() == [str(name) for name in ids]
        assert_same(frame(kept, range(4)), wanted)
        assert_same(to_frame(kept.columns([0, 2])), to_frame(mirror.columns([0, 2])))
        kept.close()
        records = open_store(tmp_path / str(number), SETTINGS)
        assert [records.records[image].image_id for image in range(4)] == ids
        records.close()


def test_a_folder_that_cannot_be_written_says_what_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, [0]).close()

    def refused(*_: Any) -> int:
        raise PermissionError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        with pytest.raises(OSError, match=r"cannot be written \(Read-only file system\).*read_evaluation"):
            open_store(tmp_path, SETTINGS)
    assert [record.image for record in read_store(tmp_path)[1]] == [0]
