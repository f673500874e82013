"""What one check of a detector found: a verdict, what was measured, what that means and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OK, SUSPICIOUS, WRONG, NOT_CHECKED = "ok", "suspicious", "wrong", "not checked"
VERDICTS = (OK, SUSPICIOUS, WRONG, NOT_CHECKED)
"""What a check can say, the best first."""

Value = float | int | str | None
Measured = Mapping[str, Value]
"""What was measured, by name."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: its name, one word.
        verdict: one of ``VERDICTS``.
        said: what was found, in words; of "not checked" the reason.
        measured: the numbers behind it, by name.
        means: what follows for whoever uses the detector; empty if nothing is wrong.
        remedy: what helps; of "not checked" how it can be checked.

    Raises:
        ValueError: for another verdict.
    """

    check: str
    verdict: str
    said: str
    measured: Measured = field(default_factory=dict)
    means: str = ""
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}; got {self.verdict!r}")

    def __str__(self) -> str:
        lines = [f"{self.verdict:11}  {self.check}: {self.said}"]
        lines += [f"{'':13}{text}" for text in (self.means, self.remedy) if text]
        return "\n".join(lines)


class NotChecked(Exception):
    """Raised by a check that cannot be made here.

    Args:
        why: the reason, in words.
        remedy: how it could be checked, in words.
        measured: what was measured before that was clear.
    """

    def __init__(self, why: str, remedy: str = "", measured: Measured | None = None) -> None:
        super().__init__(why)
        self.remedy, self.measured = remedy, dict(measured or {})
