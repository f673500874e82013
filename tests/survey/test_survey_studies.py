"""Studies: who sees what, and that nothing a seat sees tells a method's name."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.survey import Study, StudyDesign, rehearsal_study
from detxai_nb.survey.codes import SIGNS, check_code, draw_codes
from detxai_nb.survey.ordering import deal_items, latin_square
from detxai_nb.survey.study import png_size

METHODS = ["odam", "grad-cam", "grad-cam++", "eigen-cam"]


@pytest.fixture(scope="module")
def study() -> Study:
    return rehearsal_study(seats=10, objects=10, seed=4)


@pytest.fixture(scope="module")
def built() -> tuple[Study, list[tuple[int, int]]]:
    """A study of all kinds from two small pictures' worth of scenes, and the progress that was told."""
    first = dx.load_detector("tiny-fcos", device="cpu")
    second = dx.load_detector("tiny-fcos-shortcut", device="cpu")
    told: list[tuple[int, int]] = []
    design = StudyDesign(objects=2, seats=4, methods={"rank": METHODS, "draw": [*METHODS[:2], "odam @ heron"]}, seed=2)
    made = dx.survey.build_study(
        dx.data.scenes.Scenes(16, width=160, height=128),
        {"falcon": first, "heron": second},
        design=design,
        progress=lambda done, total: told.append((done, total)),
    )
    return made, told


@pytest.mark.parametrize("size", range(1, 9))
def test_latin_squares_have_every_option_at_every_place_and_after_every_other_equally_often(size: int) -> None:
    rows = latin_square(size)
    for place in range(size):
        assert set(Counter(row[place] for row in rows).values()) == {len(rows) // size}
    following = Counter(pair for row in rows for pair in itertools.pairwise(row))
    assert len(following) == size * (size - 1)
    assert len(set(following.values())) <= 1


@pytest.mark.parametrize(("members", "count", "seats"), [(10, 5, 30), (6, 6, 12), (8, 4, 20), (30, 15, 24)])
def test_a_plan_is_balanced_and_shows_nobody_an_object_twice(members: int, count: int, seats: int) -> None:
    random = np.random.default_rng(1)
    of = {"rank": [(f"i{n:02d}", 4) for n in range(members)], "draw": [(f"i{n + 50}", 5) for n in range(members)]}
    plan = deal_items(of, draw_codes(seats, random), {"rank": count, "draw": count}, random)
    assert len(plan) == seats
    for turns in plan.values():
        assert len({name for name, _ in turns}) == len(turns) == 2 * count
    shown = Counter(name for turns in plan.values() for name, _ in turns)
    assert max(shown.values()) - min(shown.values()) <= 1
    drawn = Counter(order for turns in plan.values() for name, order in turns if len(order) == 1)
    assert len(drawn) == 5
    assert max(drawn.values()) - min(drawn.values()) <= members
    at_letter = Counter(
        (letter, one) for turns in plan.values() for _, o in turns if len(o) > 1 for letter, one in enumerate(o)
    )
    expected = seats * count / 4
    assert all(abs(number - expected) <= members for number in at_letter.values())


def test_a_drawn_item_is_seen_with_each_option_equally_often(study: Study) -> None:
    seen: dict[str, Counter[int]] = {}
    for turns in study.plan.values():
        for name, order in turns:
            if study.item(name).kind == "draw":
                seen.setdefault(name, Counter())[order[0]] += 1
    assert all(max(one.values()) - min(one.values()) <= 1 for one in seen.values() if len(one) == 5)


def test_the_same_seed_gives_the_same_study_and_another_one_another() -> None:
    one, again, other = (rehearsal_study(seats=3, objects=2, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.identity == again.identity != other.identity


@pytest.mark.parametrize("which", ["rehearsal", "built"])
def test_what_a_seat_sees_and_what_is_handed_out_name_no_method(which: str, request: Any, tmp_path: Path) -> None:
    made = request.getfixturevalue("study") if which == "rehearsal" else request.getfixturevalue("built")[0]
    assert made.key is not None
    names = {one for key in made.key.values() for one in key.options} | set(made.references.values())
    names |= {"odam", "cam", "rise", "positive", "negative", "signed", "absolute", "detector 1", "shortcut"}
    names |= set(dx.methods().index)
    handed_out = json.loads(made.without_key().save(tmp_path / "study").read_text())
    assert set(handed_out.pop("pictures")) == set(made.pictures)
    for plain in (handed_out, *(made.seat(code).to_plain() for code in made.codes)):
        for question in plain.get("questions", ()):
            assert all(picture.startswith("data:image/png;base64,") for picture in question.pop("pictures"))
        said = json.dumps(plain).lower()
        assert not [name for name in names if name.lower() in said]
    for content in made.pictures.values():
        assert png_size(content) == Image.open(io.BytesIO(content)).size
        assert not Image.open(io.BytesIO(content)).info
    assert set(vars(made.seat(made.codes[0]))) == {"study", "title", "consent", "code", "questions"}


def test_letters_differ_from_seat_to_seat_but_mean_the_same_by_the_plan(study: Study) -> None:
    name = next(item.name for item in study.items if item.kind == "rank")
    orders = {dict(turns)[name] for turns in study.plan.values() if name in dict(turns)}
    assert len(orders) == 4
    for code, turns in study.plan.items():
        question = study.seat(code).questions[0]
        order = dict(turns)[question.item]
        shown = [study.pictures[study.item(question.item).pictures[option]] for option in order]
        assert list(question.pictures) == shown


def test_a_study_is_one_file_that_is_read_as_it_was(study: Study, tmp_path: Path) -> None:
    path = study.save(tmp_path / "lesson")
    assert path.name == "lesson.study.json"
    assert Study.load(path) == study
    out = Study.load(study.without_key().save(tmp_path / "out.study.json"))
    assert (out.identity, out.key) == (study.identity, None)
    with pytest.raises(ValueError, match="has no key"):
        out.require_key()
    with pytest.raises(ValueError, match="has no key"):
        dx.survey.simulate(2, out)


def changed(path: Path, change: Any) -> bytes:
    from detxai_nb.survey.plain import file_content

    fields = json.loads(path.read_text())
    del fields["checksum"]
    change(fields)
    return file_content(fields)


def no_turn(fields: dict[str, Any]) -> None:
    fields["plan"] = {code: [] for code in fields["plan"]}


def twice_one_object(fields: dict[str, Any]) -> None:
    fields["items"][1]["subject"] = fields["items"][0]["subject"]


def page_in_a_picture(fields: dict[str, Any]) -> None:
    name = next(iter(fields["pictures"]))
    fields["pictures"][name] = base64.b64encode(b"<svg onload=alert(1)>").decode()


def path_as_code(fields: dict[str, Any]) -> None:
    fields["plan"]["../../etc"] = fields["plan"].pop(next(iter(fields["plan"])))


def other_key(fields: dict[str, Any]) -> None:
    fields["key"]["items"].pop("i00")


@pytest.mark.parametrize("change", [no_turn, twice_one_object, page_in_a_picture, path_as_code, other_key])
def test_a_file_that_is_no_whole_study_is_refused(change: Any, study: Study, tmp_path: Path) -> None:
    path = study.save(tmp_path / "a")
    path.write_bytes(changed(path, change))
    with pytest.raises(ValueError, match="no whole file of a study"):
        Study.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": "x"}', b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_study_at_all_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.study.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no whole file of a study"):
        Study.load(path)


def test_a_damaged_file_is_refused_by_its_checksum(study: Study, tmp_path: Path) -> None:
    path = study.save(tmp_path / "a")
    path.write_text(path.read_text().replace('"title": "Rehearsal"', '"title": "Rehearsa1"'))
    with pytest.raises(ValueError, match="checksum does not fit"):
        Study.load(path)
    with pytest.raises(FileNotFoundError):
        Study.load(tmp_path / "none.study.json")


def test_pictures_with_texts_are_refused(study: Study) -> None:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    info.add_text("method", "odam")
    Image.new("RGB", (64, 48)).save(file, "PNG", pnginfo=info)
    name = next(iter(study.pictures))
    with pytest.raises(ValueError, match="may tell what is to be hidden"):
        replace(study, pictures={**study.pictures, name: file.getvalue()})


def test_codes_are_random_checked_and_never_a_path() -> None:
    codes = draw_codes(300, np.random.default_rng(0))
    assert len(set(codes)) == 300
    for code in codes[:20]:
        assert check_code(code) == dx.survey.typed_code(f" {code[:4].lower()}-{code[4:].lower()}") == code
        for place in range(8):
            for sign in SIGNS:
                if sign != code[place]:
                    with pytest.raises(ValueError, match="does not fit"):
                        check_code(code[:place] + sign + code[place + 1 :])
    for wrong in ("", "../../ab", "a/b", "ABCDEFG", "A" * 1000, "ABCDEFG\n", "ABCDEFÄG", "con.json"):
        with pytest.raises(ValueError, match="seat code is"):
            check_code(wrong)
    with pytest.raises(TypeError, match="seat code is a text"):
        check_code(7)


def test_a_seat_that_is_not_there_is_refused(study: Study) -> None:
    other = draw_codes(1, np.random.default_rng(99))[0]
    with pytest.raises(ValueError, match="has no seat"):
        study.seat(other)
    with pytest.raises(ValueError, match="is not asked about"):
        study.seat(study.codes[0]).question("i99")


def test_a_study_of_scenes_has_each_kind_with_its_key(built: tuple[Study, list[tuple[int, int]]]) -> None:
    made, told = built
    assert told == [(done, 8) for done in range(1, 9)]
    assert made.key is not None
    assert [item.kind for item in made.items] == ["rank"] * 2 + ["better"] * 2 + ["draw"] * 2 + ["directions"] * 2
    for item in made.items:
        options = set(made.key[item.name].options)
        expected = {
            "rank": set(METHODS),
            "better": {"falcon", "heron"},
            "draw": {"odam", "grad-cam", "odam @ heron"},
            "directions": {"positive", "negative", "signed", "absolute"},
        }
        assert options == expected[item.kind]
    assert dict(made.references) == {"rank": "odam", "better": "falcon", "draw": "odam", "directions": "positive"}
    assert {item.words.count("left") + item.words.count("top") for item in made.items if item.kind == "directions"} == {
        1
    }


def test_the_key_of_a_drawn_box_has_all_boxes_and_the_discrimination_of_each_map(
    built: tuple[Study, list[tuple[int, int]]],
) -> None:
    made, _ = built
    assert made.key is not None
    item = next(one for one in made.items if one.kind == "draw")
    key, where = made.key[item.name], item.subject
    index, annotation = (int(word.strip("s,")) for word in (where.split()[1], where.split()[3]))
    sample = dx.data.scenes.Scenes(16, width=160, height=128)[index]
    assert key.target == annotation
    assert np.allclose(key.boxes, sample.boxes)
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([sample.image])[0]
    row = dx.metrics.match(found, sample).tolist().index(annotation)
    maps = dx.explain(detector, sample.image, found[[row]])
    import torch

    value = dx.metrics.object_discrimination_index(
        maps.values, torch.tensor([annotation]), dx.metrics.box_masks(torch.from_numpy(sample.boxes), 128, 160)
    )
    assert key.discrimination[key.options.index("odam")] == pytest.approx(float(value[0]), abs=1e-6)
    # The map over the pale photograph, without a frame that would tell the answer.
    from detxai_nb.plots.standing_off import as_gray

    painted = dx.plots.overlay(as_gray(sample.image, 0.25), maps.values[0].numpy(), opacity=0.65)
    shown = np.array(Image.open(io.BytesIO(made.pictures[item.pictures[key.options.index("odam")]])))
    assert np.array_equal(shown, painted)


def test_no_object_is_too_small_or_hidden_and_studies_of_one_class_share_their_codes() -> None:
    import torch
    from torchvision.ops import box_iou

    detector = dx.load_detector("tiny-fcos", device="cpu")
    crowds = dx.data.scenes.Scenes(12, mode="crowd")
    designs = [
        StudyDesign(kinds=[kind], objects=3, seats=4, methods=["odam", "grad-cam"], smallest=30)
        for kind in ("draw", "rank")
    ]
    studies = [dx.survey.build_study(crowds, detector, design=design) for design in designs]
    assert studies[0].codes == studies[1].codes
    assert studies[0].identity != studies[1].identity
    for study in studies:
        for item in study.items:
            index, one = (int(word.strip("s,")) for word in (item.subject.split()[1], item.subject.split()[3]))
            boxes = torch.from_numpy(crowds[index].boxes)
            assert float((boxes[one, 2:] - boxes[one, :2]).min()) >= 30
            if item.kind == "draw":
                overlaps = box_iou(boxes[[one]], boxes)[0]
                overlaps[one] = 0
                assert 0 < float(overlaps.max()) <= 0.5
    with pytest.raises(ValueError, match="smallest is a number"):
        StudyDesign(smallest=-1)


def test_too_few_objects_or_detectors_are_said_in_words() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    scenes = dx.data.scenes.Scenes(1, width=128, height=96)
    with pytest.raises(ValueError, match=r"needs 3 objects .* hand in more"):
        dx.survey.build_study(scenes, detector, design=StudyDesign(kinds=["directions"], objects=3, seats=2))
    with pytest.raises(ValueError, match="sets two detectors"):
        dx.survey.build_study(scenes, detector, design=StudyDesign(kinds=["better"], objects=1))
    with pytest.raises(ValueError, match="names the detector 'x'"):
        dx.survey.build_study(
            scenes, detector, design=StudyDesign(kinds=["rank"], objects=1, methods=["odam", "odam @ x"])
        )
    for wrong in ({"kinds": ["rank", "rank"]}, {"objects": 0}, {"per_seat": 9}, {"seats": 0}, {"methods": ["odam"]}):
        with pytest.raises(ValueError, match="got"):
            StudyDesign(**wrong)  # type: ignore[arg-type]


def test_a_large_picture_is_scaled_and_its_boxes_with_it() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    scene = dx.data.scenes.Scenes(2, width=160, height=128)[1]
    large = np.asarray(Image.fromarray(scene.image).resize((800, 640)))
    sample = Sample(
        large,
        scene.boxes * 5,
        scene.labels,
        scene.crowd,
        1,
        "a.png",
        scene.names,
        load_masks=lambda: np.zeros((0, 1, 1)),
    )
    design = StudyDesign(kinds=["draw"], objects=1, seats=1, methods=["odam", "grad-cam"])
    made = dx.survey.build_study([sample], detector, design=design)
    assert made.items[0].size == (640, 512)
    assert made.key is not None
    assert np.allclose(made.key["i00"].boxes, scene.boxes * 4, atol=1e-3)
