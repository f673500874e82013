"""What the tests of `dx.survey` can show and how often they raise a false alarm, from 10,000 simulated classes each.

    python tests/bench/measure_survey.py [--classes 10000]

Prints a table in Markdown: the power of the papers' tests and of the interval over persons, and both without an effect.
"""

from __future__ import annotations

import argparse

from detxai_nb.survey import power

CASES = (
    # effect, answers of each of the seats, how alike answers of one person are
    ("odam against d-rise", 8, 0.0),
    ("odam against d-rise", 4, 0.0),
    ("odam against d-rise, all places", 4, 0.0),
    ("odam-train against odam", 3, 0.0),
    ("positive against signed", 4, 0.0),
    ("positive against signed", 8, 0.0),
    ("better detector", 8, 0.0),
    ("odam against d-rise, boxes", 3, 0.0),
    ("odam against d-rise", 8, 0.1),
    ("positive against signed", 4, 0.1),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--seats", type=int, default=30)
    asked = parser.parse_args()
    print("| effect | test | seats x answers | dependence | power | by persons | false alarms | by persons |")
    print("|---|---|---|---|---|---|---|---|")
    for effect, per_seat, dependence in CASES:
        one = power(effect, seats=asked.seats, per_seat=per_seat, classes=asked.classes, dependence=dependence)
        print(
            f"| {effect} | {one.test} | {one.seats} x {per_seat} | {dependence:g} | {one.power:.3f} | "
            f"{one.over_persons:.3f} | {one.false_alarms:.4f} | {one.false_alarms_over_persons:.4f} |"
        )
    print(f"\nOne standard error of a false-alarm rate of 0.05: {one.error:.4f}.")


if __name__ == "__main__":
    main()
