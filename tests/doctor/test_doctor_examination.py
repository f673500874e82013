"""What an examination leaves behind, what it says of what fails, and the forms of its report."""

from __future__ import annotations

import copy
import html
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.doctor import expected
from detxai_nb.doctor.report import DoctorReport
from detxai_nb.doctor.result import CheckResult
from detxai_nb.types import Detections

SCENE = dx.data.scenes.Scenes(1, seed=100)[0]
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_pre_hooks_with_kwargs")


def state(module: torch.nn.Module) -> dict[str, Any]:
    """Everything of a module, and of the random numbers, that an examination could change."""
    return {
        "tensors": {name: value.clone() for name, value in module.state_dict().items()},
        "memory": [value.data_ptr() for value in module.parameters()],
        "flags": [part.training for part in module.modules()],
        "gradients": [(value.requires_grad, value.grad is None) for value in module.parameters()],
        "hooks": [[list(getattr(part, kind)) for kind in HOOKS] for part in module.modules()],
        "random": (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()),  # noqa: NPY002
    }


def assert_same(first: Any, second: Any) -> None:
    """Compare states, tensors bit for bit."""
    if isinstance(first, Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, np.ndarray):
        assert np.array_equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            assert_same(first[name], second[name])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second):
            assert_same(one, other)
    else:
        assert first == second


def planted_norms() -> Any:
    """A detector whose every run changes the statistics of its norms."""
    return planted.training_norms("tiny-fcos")


def test_nothing_is_left_changed() -> None:
    detector = planted_norms()
    detector.module.train()
    before = state(detector.module)
    report = dx.doctor(detector, SCENE)
    assert report["repeatable"].verdict == "wrong"
    assert report["weights"].measured
    assert_same(before, state(detector.module))


@pytest.mark.parametrize("error", [KeyboardInterrupt, dx.Cancelled, RuntimeError])
def test_nothing_is_left_changed_after_an_exception(error: type[BaseException]) -> None:
    detector = planted_norms()
    before = state(detector.module)

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise error("enough")

    with pytest.raises(error):
        dx.doctor(detector, SCENE, checks=["repeatable", "weights", "scores"], progress=stop)
    assert_same(before, state(detector.module))


def test_an_error_inside_a_check_is_reported_and_the_others_go_on() -> None:
    def fail(trace: Any, image: np.ndarray) -> Any:
        raise OSError("no\nmap today")

    own = copy.deepcopy(planted.healthy("tiny-fcos"))
    before = state(own.module)
    report = dx.doctor(planted.Changed(own, trace=fail), SCENE, checks=["scores", "gradient", "maps", "boxes"])
    assert [one.verdict for one in report.results] == ["ok", "ok", "not checked", "not checked"]
    assert report["gradient"].said == "the check itself failed: OSError: no map today"
    assert report.healthy
    assert_same(before, state(own.module))


def test_a_detector_that_does_not_answer_is_wrong_and_nothing_else_is_said() -> None:
    detector = dx.wrap_predict(lambda image: ([[0, 0, 9, 9]], [7.5], [0]), ["cat"])
    report = dx.doctor(detector, SCENE)
    assert not report.healthy
    assert report["answers"].verdict == "wrong"
    assert "probabilities in 0..1, got 7.5" in report["answers"].said
    assert {one.verdict for one in report.results[1:]} == {"not checked"}


def black_box(change: Callable[[Any], Any] = lambda found: found) -> Any:
    """A detector that shows nothing but its answers."""
    own = planted.healthy("tiny-ssd")
    return dx.wrap_predict(lambda image: change(own.detect([image], 0.0)[0]), own.names)


def test_of_a_black_box_what_needs_gradients_is_not_checked() -> None:
    own = planted.healthy("tiny-ssd")
    report = dx.doctor(black_box(), SCENE, expected=own.detect([SCENE.image])[0])
    assert report.healthy, str(report)
    assert {one.check for one in report.of("not checked")} - {"names"} == {
        "normalisation",
        "explained score",
        "gradient",
        "maps",
        "place",
        "weights",
    }
    assert "dx.wrap_module" in report["gradient"].remedy


def as_expected(one: Any) -> Detections:
    """One expected answer, read alone."""
    (read,) = expected.as_expected(one, [SCENE.image], planted.healthy("tiny-ssd").names)
    assert read is not None
    return read


def test_expected_answers_in_every_form() -> None:
    own = planted.healthy("tiny-ssd")
    found = own.detect([SCENE.image])[0]
    parts = (found.boxes.tolist(), found.scores.numpy(), found.labels)
    named = (found.boxes, found.scores, found.label_names())
    fields = {"boxes": parts[0], "scores": parts[1], "labels": parts[2]}
    for given in (found, parts, list(parts), named, fields, [fields]):
        assert dx.doctor(own, SCENE, given, checks="expected")["expected"].verdict == "ok"
    thrice = [SCENE.image, SCENE.image[:, ::-1], SCENE.image[:, :200]]
    for answers in (
        [parts, None, named],
        [parts, parts, parts],
        [found, fields, [parts[0][:3], parts[1][:3], parts[2][:3]]],
    ):
        about = dx.doctor(own, thrice, answers, checks="expected")["expected"]
        assert about.measured["expected"] == sum(0 if one is None else len(as_expected(one)) for one in answers)
    twice = dx.doctor(own, [SCENE, SCENE.image[:, ::-1]], [parts, None], checks="expected")
    assert twice["expected"].measured["expected"] == len(found)
    off = (found.boxes + 1, *parts[1:])
    result = dx.doctor(own, SCENE, off, checks="expected")["expected"]
    assert result.verdict == "wrong"
    assert result.measured["largest difference of box sides"] == pytest.approx(1 / 320, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((torch.nn.Linear(2, 2), SCENE), TypeError, "dx.wrap_module"),
        (("tiny-fcos", SCENE), TypeError, "a detector, with names, device and detect; got a str"),
        ((black_box(), []), ValueError, "no pictures"),
        ((black_box(), 7), TypeError, "an image can be"),
        ((black_box(), SCENE, 7), TypeError, "7|int"),
        ((black_box(), SCENE, [None, None]), ValueError, "2 answers for 1 picture"),
        ((black_box(), SCENE, {"boxes": []}), TypeError, "lacks 'scores'"),
        ((black_box(), SCENE, ([[0, 0, 1, 1]], [0.5], ["no such"])), ValueError, "no such"),
        ((black_box(), SCENE, ([["a"]], [0.5], [0])), TypeError, "boxes of an expected answer are numbers"),
    ],
)
def test_what_is_no_detector_no_picture_or_no_answer_is_refused(
    arguments: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        dx.doctor(*arguments)


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no check 'nope'; there are answers, expected"):
        dx.doctor(black_box(), SCENE, checks=["nope"])


def report() -> DoctorReport:
    """A report with one of each verdict, and words that a page must not run."""
    evil = "</td><script>alert(1)</script>"
    results = (
        CheckResult("scores", "ok", "fine", {"highest": float("nan"), "scores": 3}),
        CheckResult("names", "wrong", evil, {evil: evil}, evil, evil),
        CheckResult("maps", "suspicious", "hm"),
        CheckResult("place", "not checked", "no box"),
    )
    return DoctorReport(results, evil, 1, {"scores": 0.5})


def test_the_report_as_text_table_and_plain_values() -> None:
    found = report()
    lines = str(found).splitlines()
    assert lines[0].endswith("is not healthy: 1 ok, 1 suspicious, 1 wrong, 1 not checked (1 picture)")
    assert [line.split("  ")[0].strip() for line in lines[1:] if not line.startswith(" ")] == [
        "wrong",
        "suspicious",
        "ok",
        "not checked",
    ]
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["healthy"] is False
    assert values["checks"][0]["measured"] == {"highest": None, "scores": 3}
    assert values["checks"][1]["seconds"] is None
    assert found.table().loc["maps", "verdict"] == "suspicious"
    with pytest.raises(KeyError, match="there is no check 'nope'"):
        found["nope"]
    with pytest.raises(ValueError, match="a verdict is one of ok"):
        found.of("bad")
    with pytest.raises(ValueError, match="a verdict is one of ok"):
        CheckResult("a", "bad", "")


def test_words_from_outside_stay_words_in_the_page() -> None:
    page = report()._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 6
    assert page.count("<tr>") == 5
    assert [page.count(f'data-value="{verdict}"') for verdict in dx.doctor.VERDICTS] == [2, 2, 2, 2]


def test_a_saved_report_says_what_the_notebook_shows(tmp_path: Path) -> None:
    found = report()
    text = found.save_html(tmp_path / "report.html").read_text("utf-8")
    assert all(f"<th>{name}</th>" in text for name in ("verdict", "found", "means", "remedy", "measured"))
    assert "<script>alert" not in text
    for one in found.results:
        assert all(html.escape(part, quote=False) in text for part in (one.said, one.means, one.remedy, one.verdict))
    assert "scores: 3" in text
    with pytest.raises(FileExistsError):
        found.save_html(tmp_path / "report.html")


def test_it_is_called_as_a_module() -> None:
    public = {"CHECKS", "CheckResult", "DoctorReport", "VERDICTS", "examine", "practice_patients"}
    assert set(dir(dx.doctor)) == public
    assert next(iter(dx.doctor.CHECKS)) == "answers"


@pytest.mark.parametrize("form", ["tensor", "batch", "array", "list", "scenes"])
def test_pictures_in_every_form(form: str) -> None:
    pixels = SCENE.image
    channels = torch.from_numpy(pixels).permute(2, 0, 1)
    given = {
        "tensor": channels,
        "batch": channels[None].repeat(2, 1, 1, 1),
        "array": np.stack([pixels, pixels]),
        "list": [pixels, SCENE],
        "scenes": dx.data.scenes.Scenes(2, seed=100),
    }[form]
    report = dx.doctor(planted.healthy("tiny-ssd"), given, checks="answers")
    assert report.pictures == (1 if form == "tensor" else 2)


def test_half_precision_that_was_asked_for_is_healthy() -> None:
    detector = dx.load_detector("tiny-ssd", device="cpu", precision="bf16")
    report = dx.doctor(detector, SCENE, checks=["precision", "repeatable", "explained score", "gradient"])
    assert [one.verdict for one in report.results] == ["ok"] * 4, str(report)
    assert "bf16 as asked for" in report["precision"].said
