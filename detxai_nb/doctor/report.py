"""What an examination found: all checks with their verdicts, as a table, as text, as HTML and as plain values."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb._version import __version__
from detxai_nb.doctor.result import NOT_CHECKED, OK, SUSPICIOUS, VERDICTS, WRONG, CheckResult
from detxai_nb.html_tables import html_block, html_table
from detxai_nb.pages.report import write_report

if TYPE_CHECKING:
    import pandas

_COLORS = {OK: "#2da44e", SUSPICIOUS: "#bf8700", WRONG: "#e5534b", NOT_CHECKED: "#868e96"}
"""Of the dots before the verdicts, which stand out from a light page and from a dark one."""


@dataclass(frozen=True)
class DoctorReport:
    """What the examination of a detector found.

    Attributes:
        results: of each check, in the order in which they were made.
        detector: what the detector is called.
        pictures: how many pictures it was examined on.
        seconds: running time of each check, by its name.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> report = dx.doctor(detector, dx.data.scenes.Scenes(1, seed=1)[0], checks=["answers", "scores"])
        >>> report.healthy, report["scores"].verdict
        (True, 'ok')
    """

    results: tuple[CheckResult, ...]
    detector: str
    pictures: int
    seconds: Mapping[str, float]

    @property
    def healthy(self) -> bool:
        """Whether no check found anything wrong; what is suspicious is to be looked at."""
        return not any(one.verdict == WRONG for one in self.results)

    def __getitem__(self, check: str) -> CheckResult:
        """The result of the check of a name."""
        found = next((one for one in self.results if one.check == check), None)
        if found is None:
            raise KeyError(f"there is no check {check!r}; there are {', '.join(one.check for one in self.results)}")
        return found

    def of(self, verdict: str) -> tuple[CheckResult, ...]:
        """Return the checks with a verdict.

        Args:
            verdict: one of ``VERDICTS``.

        Returns:
            Their results.

        Raises:
            ValueError: for another verdict.
        """
        if verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}; got {verdict!r}")
        return tuple(one for one in self.results if one.verdict == verdict)

    def table(self) -> pandas.DataFrame:
        """Return the report as a table.

        Returns:
            A row for each check, by its name, with the columns "verdict", "said", "means", "remedy" and "seconds".
        """
        import pandas as pd

        columns = ("check", "verdict", "said", "means", "remedy")
        rows = [[getattr(one, name) for name in columns] for one in self.results]
        table = pd.DataFrame(rows, columns=list(columns))
        table["seconds"] = [self.seconds.get(one.check, math.nan) for one in self.results]
        return table.set_index("check")

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, which ``json.dumps`` takes.

        Returns:
            "healthy", "detector", "pictures", "version" of this package, and "checks": for each check its name,
            verdict, what was said and measured, and running time. Numbers that are not finite are None.
        """
        checks = [
            {
                "check": one.check,
                "verdict": one.verdict,
                "said": one.said,
                "measured": {name: _plain(value) for name, value in one.measured.items()},
                "means": one.means,
                "remedy": one.remedy,
                "seconds": _plain(self.seconds.get(one.check)),
            }
            for one in self.results
        ]
        about = {"healthy": self.healthy, "detector": self.detector, "pictures": self.pictures}
        return {**about, "version": __version__, "checks": checks}

    def _headline(self) -> str:
        counts = {verdict: len(self.of(verdict)) for verdict in VERDICTS}
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        pictures = f"{self.pictures} picture{'' if self.pictures == 1 else 's'}"
        return f"{self.detector} is {'healthy' if self.healthy else 'not healthy'}: {told} ({pictures})"

    def __str__(self) -> str:
        order = (WRONG, SUSPICIOUS, OK, NOT_CHECKED)
        return "\n".join([self._headline(), *(str(one) for verdict in order for one in self.of(verdict))])

    def __repr__(self) -> str:
        return f"DoctorReport({self._headline()})"

    def save_html(
        self, path: str | os.PathLike[str], *, title: str = "Examination of a detector", overwrite: bool = False
    ) -> Path:
        """Write the report as one HTML file.

        Args:
            path: the file, which ends in .html.
            title: of the page.
            overwrite: whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
            FileExistsError: if the file exists and ``overwrite`` is False.
            ValueError: if the name is no HTML file's.
        """
        columns = {
            "verdict": [one.verdict for one in self.results],
            "found": [one.said for one in self.results],
            "means": [one.means for one in self.results],
            "remedy": [one.remedy for one in self.results],
            "measured": ["; ".join(_measured(one)) for one in self.results],
        }
        table = self.table()[[]].assign(**columns)
        return write_report(path, title, [f"{self._headline()}.", table], overwrite)

    def _repr_html_(self) -> str:
        rows = [(one.check, one.verdict, "\n".join(_told(one)), "\n".join(_measured(one))) for one in self.results]
        table = html_table(("check", "verdict", "found", "measured"), rows, marked=("verdict",))
        return html_block(self._headline(), table, style=_STYLE)


_STYLE = "".join(
    f'.detxai-nb-shown [data-value="{name}"]::before{{content:"\\25CF\\A0";color:{color}}}'
    for name, color in _COLORS.items()
)


def _told(one: CheckResult) -> list[str]:
    """The sentences of a result."""
    return [text for text in (one.said, one.means, one.remedy) if text]


def _measured(one: CheckResult) -> list[str]:
    """The numbers of a result, each with its name."""
    return [f"{name}: {_short(value)}" for name, value in one.measured.items() if value is not None]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
