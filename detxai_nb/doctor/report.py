"""What an examination found: all checks with their verdicts, as a table, as text, as HTML and as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detxai_nb._version import __version__
from detxai_nb.doctor.result import OK, SUSPICIOUS, VERDICTS, WRONG, CheckResult

if TYPE_CHECKING:
    import pandas

_COLORS = {OK: "#1a7f37", SUSPICIOUS: "#9a6700", WRONG: "#cf222e"}
"""Of the verdicts, dark enough on white; on a dark page their own lighter ones are taken."""
_DARK = {OK: "#57ab5a", SUSPICIOUS: "#d4a72c", WRONG: "#f47067"}


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
        order = (WRONG, SUSPICIOUS, OK, "not checked")
        return "\n".join([self._headline(), *(str(one) for verdict in order for one in self.of(verdict))])

    def __repr__(self) -> str:
        return f"DoctorReport({self._headline()})"

    def _repr_html_(self) -> str:
        from html import escape

        rows = []
        for one in self.results:
            numbers = "<br>".join(
                f"{escape(name)}: {escape(_short(value))}" for name, value in one.measured.items() if value is not None
            )
            more = "<br>".join(f"<i>{escape(text)}</i>" for text in (one.means, one.remedy) if text)
            said = escape(one.said) + (f"<br>{more}" if more else "")
            cells = (f"<b>{escape(one.check)}</b>", f'<b data-verdict="{one.verdict}">{one.verdict}</b>', said, numbers)
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("check", "verdict", "found", "measured"))
        return (
            f'<div class="detxai-nb-doctor"><style>{_STYLE}</style><p><b>{escape(self._headline())}</b></p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )


def _rules(colors: Mapping[str, str], where: str = "") -> str:
    return "".join(
        f'{where}.detxai-nb-doctor [data-verdict="{name}"]{{color:{color}}}' for name, color in colors.items()
    )


_DARK_HOSTS = ('[data-jp-theme-light="false"] ', '[data-theme="dark"] ')
"""Where JupyterLab and the documentation say that they are dark, whatever the system is."""
_STYLE = (
    ".detxai-nb-doctor td,.detxai-nb-doctor th{text-align:left!important;vertical-align:top;padding:.3em .8em}"
    ".detxai-nb-doctor td:nth-child(2){white-space:nowrap}.detxai-nb-doctor td:nth-child(4){opacity:.75}"
    + _rules(_COLORS)
    + "@media (prefers-color-scheme:dark){"
    + _rules(_DARK, 'html:not([data-theme="light"]) body:not([data-jp-theme-light="true"]) ')
    + "}"
    + "".join(_rules(_DARK, host) for host in _DARK_HOSTS)
)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
