"""Reports, power and rehearsals: the papers' tests against scipy's and hand-made classes."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import stats

import detxai_nb as dx
from detxai_nb.survey import (
    ClassAnswers,
    ItemAnswer,
    SeatAnswers,
    gather,
    paper_tables,
    power,
    rehearsal_study,
    simulate,
)
from detxai_nb.survey.class_tests import interval_over_persons, shares_p, sign_p, welch_p, wilcoxon_p
from detxai_nb.survey.comparisons import chosen_oftener, corrected, means_apart, paired_ranks, shares_apart

CLASSES = int(os.environ.get("DETXAI_NB_FUZZ", "500"))


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return simulate(30, seed=1)


def expand(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.repeat(values, counts)


def test_the_tests_from_counts_are_scipys() -> None:
    random = np.random.default_rng(2)
    levels, steps = np.arange(1.0, 6), np.arange(-3.0, 4)
    for size in (20, 90, 240):
        paired = random.multinomial(size, random.dirichlet(np.ones(7)), 5)
        groups = [random.multinomial(size, random.dirichlet(np.ones(5)), 5) for _ in range(2)]
        shares = [random.multinomial(size, (0.3, 0.7), 5), random.multinomial(size + 7, (0.2, 0.8), 5)]
        for row in range(5):
            values = expand(paired[row], steps)
            p = stats.wilcoxon(values, correction=False).pvalue
            assert wilcoxon_p(paired)[row] == pytest.approx(p, abs=1e-9)
            split = [(values > 0).sum(), (values < 0).sum()]
            assert sign_p(paired)[row] == pytest.approx(stats.chisquare(split).pvalue, abs=1e-9)
            both = [expand(group[row], levels) for group in groups]
            assert welch_p(*groups, levels)[row] == pytest.approx(
                stats.ttest_ind(*both, equal_var=False).pvalue, abs=1e-9
            )
            table = [shares[0][row], shares[1][row]]
            assert shares_p(*shares)[row] == pytest.approx(
                stats.chi2_contingency(table, correction=False).pvalue, abs=1e-9
            )


def test_tests_of_answers_that_are_all_alike_decide_nothing() -> None:
    same = np.array([[0, 0, 0, 9, 0, 0, 0]])
    assert wilcoxon_p(same)[0] == sign_p(same)[0] == 1
    assert welch_p(same, same, np.arange(7.0))[0] == shares_p(same[:, 2:4], same[:, 2:4])[0] == 1
    for one in (
        paired_ranks("a", "b", {"s": [0.0, 0.0], "t": [0.0]}),
        chosen_oftener("a", "b", {"s": [0.0]}, "is better than"),
        shares_apart("a", "b", {"s": [1.0]}, {"s": [1.0]}),
        means_apart("a", "b", {"s": [5.0, 5.0]}, {"t": [5.0, 5.0]}),
    ):
        assert (one.p, one.decided) == (1.0, False)
        assert "nothing is decided" in str(one)
    assert "no answers that compare" in str(means_apart("a", "b", {"s": [5.0]}, {}))


def test_joint_distributions_have_the_shares_of_the_tables() -> None:
    places = paper_tables.orders(4)
    for table in (paper_tables.TABLE_2, paper_tables.TABLE_10):
        joint = paper_tables.with_all_shares(list(table.values()))
        assert joint.sum() == pytest.approx(1)
        for option, shares in enumerate(table.values()):
            found = np.bincount(places[:, option], joint, 4) * 100
            assert np.allclose(found, shares, atol=0.15)  # the printed rows are rounded and do not add up to 100
    luce = paper_tables.with_first_shares((1, 2, 3, 4))
    assert luce.sum() == pytest.approx(1)
    assert np.allclose(np.bincount(places.argmin(axis=1), luce, 4), (0.1, 0.2, 0.3, 0.4))
    # The last option first, then the third, then the second: 4/10 * 3/6 * 2/3.
    assert luce[(places == (3, 2, 1, 0)).all(axis=1)][0] == pytest.approx(0.4 * 0.5 * 2 / 3)
    steps = paper_tables.rank_differences(luce, 3, 0)
    assert steps[:3].sum() == pytest.approx(1 / 5)
    assert steps[4:].sum() == pytest.approx(4 / 5)


def test_the_interval_over_persons_is_that_of_their_means() -> None:
    random = np.random.default_rng(0)
    means = random.normal(1, 2, 40)
    low, high = interval_over_persons(means * 5, np.full(40, 5.0))
    expected = stats.t.interval(0.95, 39, means.mean(), means.std(ddof=1) / 40**0.5)
    assert (low, high) == pytest.approx(expected, abs=0.1)
    assert all(np.isnan(interval_over_persons(np.ones(1), np.ones(1))))
    # Who saw nothing of a method weighs nothing there.
    other = (np.array([4.0, 0, 8]), np.array([2.0, 0, 4]))
    assert interval_over_persons(np.full(3, 3.0), np.ones(3), other) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("effect", "per_seat", "expected"),
    [
        ("odam against d-rise", 8, 0.94),
        ("odam against d-rise", 4, 0.70),
        ("odam-train against odam", 3, 0.42),
        ("positive against signed", 4, 0.51),
    ],
)
def test_a_class_of_thirty_has_the_power_that_was_worked_out(effect: str, per_seat: int, expected: float) -> None:
    found = power(effect, seats=30, per_seat=per_seat, classes=CLASSES, seed=4)
    assert found.power == pytest.approx(expected, abs=4 * (expected * (1 - expected) / CLASSES) ** 0.5 + 0.005)
    assert found.answers == 30 * per_seat


@pytest.mark.parametrize(
    "effect", ["odam against d-rise", "better detector", "odam-train against odam", "odam against d-rise, boxes"]
)
def test_without_an_effect_one_class_in_twenty_is_significant(effect: str) -> None:
    found = power(effect, classes=CLASSES, seed=7)
    assert found.false_alarms == pytest.approx(0.05, abs=4 * found.error)
    assert found.false_alarms_over_persons == pytest.approx(0.05, abs=4 * found.error + 0.01)


def test_where_answers_of_a_person_are_alike_only_the_interval_over_persons_keeps_its_level() -> None:
    found = power("positive against signed", per_seat=8, classes=CLASSES, dependence=0.2, seed=3)
    assert found.false_alarms > 0.1
    assert found.false_alarms_over_persons == pytest.approx(0.05, abs=4 * found.error + 0.01)


def test_power_says_in_words_what_a_class_can_show_and_refuses_what_is_none() -> None:
    assert "likely shows" in str(power("odam against d-rise, all places", classes=100))
    assert "hardly shows" in str(power("better detector", seats=5, per_seat=2, classes=100))
    assert power("better detector", classes=50, seed=1) == power("better detector", classes=50, seed=1)
    with pytest.raises(ValueError, match="there is no effect"):
        power("gravity")
    with pytest.raises(TypeError, match="whole number"):
        power("better detector", seats=2.5)  # type: ignore[arg-type]
    for wrong in ({"seats": 1}, {"per_seat": 0}, {"classes": 0}, {"dependence": 1.0}, {"dependence": -0.1}):
        with pytest.raises(ValueError, match="is from"):
            power("better detector", **wrong)


def answered(choices: dict[str, str]) -> ClassAnswers:
    """Two seats of a small study whose rankings put the options in these orders, best first."""
    study = rehearsal_study(seats=len(choices), objects=1)
    key = study.require_key()
    rows = []
    for code, best in zip(study.codes, choices.values()):
        seat = study.seat(code)
        question = next(one for one in seat.questions if one.kind == "rank")
        order = dict(study.plan[code])[question.item]
        letters = {key[question.item].options[option]: letter for letter, option in zip("ABCD", order)}
        choice = "".join(letters[name] for name in best.split())
        rows.append(SeatAnswers(seat.study, code, consent=True, answers=[ItemAnswer(question.item, choice)]))
    return gather(study, rows)


def test_letters_are_resolved_to_the_options_that_the_seat_saw() -> None:
    found = answered({"a": "odam d-rise grad-cam++ grad-cam", "b": "d-rise odam grad-cam grad-cam++"})
    ranks = {(row["seat"], row["option"]): row["rank"] for row in found.rows()}
    first, second = found.study.codes
    assert [ranks[first, name] for name in ("odam", "d-rise", "grad-cam++", "grad-cam")] == [1, 2, 3, 4]
    assert [ranks[second, name] for name in ("odam", "d-rise", "grad-cam++", "grad-cam")] == [2, 1, 4, 3]
    table = dx.survey.report(found).section("rank").table
    assert table.loc["odam", ["1st", "2nd", "3rd", "4th"]].tolist() == [50, 50, 0, 0]
    assert table["average rank"].to_dict() == {"grad-cam": 3.5, "grad-cam++": 3.5, "d-rise": 1.5, "odam": 1.5}
    assert found.partial == dict.fromkeys(found.study.codes, 3)


def test_a_report_has_each_papers_table_with_its_tests(whole: ClassAnswers) -> None:
    found = dx.survey.report(whole)
    assert [one.kind for one in found.sections] == ["rank", "better", "draw", "directions"]
    rows = whole.table()
    ranks = rows[rows["kind"] == "rank"].pivot(index=["seat", "item"], columns="option", values="rank").astype(float)
    section = found.section("rank")
    for one in section.tests[:3]:
        values = ranks[one.second] - ranks["odam"]
        assert one.difference == pytest.approx(values.mean())
        assert one.p == pytest.approx(stats.wilcoxon(values, correction=False).pvalue)
        assert one.low < one.difference < one.high
        assert (one.persons, one.answers) == (30, 240)
    assert section.table["average rank"].to_dict() == pytest.approx(ranks.mean().to_dict())
    drawn = rows[rows["kind"] == "draw"]
    table = found.section("draw").table
    for name, some in drawn.groupby("option"):
        assert table.loc[name, "accuracy"] == pytest.approx(100 * some["right"].astype(float).mean())
        assert table.loc[name, "average confidence"] == pytest.approx(some["confidence"].astype(float).mean())
    by = found.section("draw").by_discrimination
    assert by is not None
    assert by["answers"].sum() == len(drawn)
    assert sum(by["answers"] * by["right"]) == pytest.approx(100 * drawn["right"].sum())
    better = found.section("better").table
    assert better["chosen"].sum() == pytest.approx(100)
    assert "odam is ranked better than grad-cam;" in str(found)
    with pytest.raises(ValueError, match="nothing of the kind"):
        found.section("odd")
    assert len(dx.survey.plot_by_discrimination(found).axes) == 2


def test_an_order_counts_as_decided_only_if_test_and_persons_agree() -> None:
    # Two persons decide for one side, ten answers each; ten others see no difference.
    values = {f"p{n}": [2.0] * 10 if n < 2 else [0.0] * 10 for n in range(12)}
    one = corrected([paired_ranks("a", "b", values)])[0]
    assert one.p < 0.001
    assert one.low <= 0
    assert not one.decided
    assert "the test alone is significant" in str(one)
    clear = corrected([paired_ranks("a", "b", {f"p{n}": [1.0, 2.0, 1.0] for n in range(12)})])[0]
    assert clear.decided
    assert str(clear).startswith("a is ranked better than b; difference +1.33")
    turned = corrected([paired_ranks("a", "b", {f"p{n}": [-1.0, -2.0, -1.0] for n in range(12)})])[0]
    assert str(turned).startswith("b is ranked better than a; difference -1.33")


def test_holms_correction_is_among_the_tests_of_one_name() -> None:
    from dataclasses import replace

    one = paired_ranks("a", "b", {"p": [1.0, 2.0]})
    tests = [replace(one, p=p) for p in (0.04, 0.01, 0.03)] + [replace(one, test="other", p=0.02)]
    assert [round(test.holm, 6) for test in corrected(tests)] == [0.06, 0.03, 0.06, 0.02]


def test_what_is_no_class_is_refused(whole: ClassAnswers) -> None:
    with pytest.raises(TypeError, match="what merge or simulate returned"):
        dx.survey.report("folder")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no answers yet"):
        dx.survey.report(gather(whole.study, []))
    with pytest.raises(ValueError, match="has no key"):
        dx.survey.report(gather(whole.study.without_key(), whole.seats))
    with pytest.raises(ValueError, match="has 3 seats"):
        simulate(5, rehearsal_study(seats=3, objects=1))
    with pytest.raises(ValueError, match="of the study"):
        gather(rehearsal_study(seats=2, objects=1, seed=9), whole.seats)


def test_rehearsal_seats_answer_everything_in_time_and_with_the_papers_shares(whole: ClassAnswers) -> None:
    assert len(whole.seats) == 30
    assert not whole.missing
    assert not whole.partial
    assert all(1 <= answer.seconds <= 600 for seat in whole.seats for answer in seat.answers)
    assert simulate(30, seed=1).seats == whole.seats
    assert simulate(30, seed=2).seats != whole.seats
    ranks = dx.survey.report(whole).section("rank").table["average rank"]
    assert np.allclose(ranks.loc[list(paper_tables.TABLE_2)], (3.32, 2.91, 2.18, 1.59), atol=0.3)


def test_confidences_that_are_all_alike_are_compared_without_a_warning() -> None:
    """Warnings are errors here; p is that of one sample against the value that the others all gave."""
    varied = {"one": [2.0, 3.0], "two": [3.0, 5.0]}
    found = means_apart("odam", "d-rise", varied, {"one": [4.0, 4.0], "two": [4.0]})
    expected = stats.ttest_1samp([2.0, 3.0, 3.0, 5.0], 4.0).pvalue
    assert found.p == pytest.approx(expected)
