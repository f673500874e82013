"""diagnose: all checks of an installation, their findings in words, and a code for the ticket."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from detxai_nb._version import __version__
from detxai_nb.files import as_path
from detxai_nb.installation import libraries, machine
from detxai_nb.installation.finding import Finding
from detxai_nb.installation.trial import run_trial

TOLD = ("torch", "torchvision", "numpy", "jupyterlab", "ipykernel", "ipywidgets", "anywidget")
"""The libraries whose versions the code for the ticket tells."""


@dataclass(frozen=True)
class Diagnosis:
    """What all checks found.

    Attributes:
        findings: one for each thing that was looked at.
        versions: of this package, Python, the system and the libraries that matter.
    """

    findings: tuple[Finding, ...]
    versions: Mapping[str, str]

    @property
    def healthy(self) -> bool:
        """Whether the notebooks have everything that they need."""
        return not any(one.state == "missing" for one in self.findings)

    @property
    def code(self) -> str:
        """One word for the ticket: the checks that failed, remarks, and versions; no name and no path."""
        failed = "+".join(dict.fromkeys(one.check for one in self.findings if one.state == "missing")) or "none"
        remarks = "+".join(dict.fromkeys(one.check for one in self.findings if one.state == "remark")) or "none"
        told = ":".join(f"{name}={version}" for name, version in self.versions.items())
        return f"doctor1:failed={failed}:remarks={remarks}:{told}"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values.

        Returns:
            ``healthy``, ``code``, ``versions`` and ``findings``.
        """
        findings = [dict(vars(one)) for one in self.findings]
        return {"healthy": self.healthy, "code": self.code, "versions": dict(self.versions), "findings": findings}

    def __str__(self) -> str:
        wrong = [one for one in self.findings if one.state == "missing"]
        remarks = [f"remark: {one}" for one in self.findings if one.state == "remark"]
        if not wrong:
            found = f"everything that the notebooks need is there: {', '.join(one.said for one in self.findings[:2])}"
            return "\n".join([found, *remarks])
        count = f"{len(wrong)} thing{'s' if len(wrong) > 1 else ''} missing"
        return "\n".join([count, *(f"  {one}" for one in wrong), *remarks, f"code for the ticket: {self.code}"])


def diagnose(folder: str | os.PathLike[str] = ".") -> Diagnosis:
    """Check whether the notebooks have everything that they need.

    Versions of this package and of all libraries; whether torch computes and a bundled detector explains a scene, tried
    in a process of its own, so that what crashes there crashes nothing here; JupyterLab, its kernel, and the widgets'
    front ends; memory, disk and permission to write; files in the folder that hide a library.

    Args:
        folder: the folder to work in.

    Returns:
        What was found; the same checks in the same order each time.

    Raises:
        TypeError: if ``folder`` is no path.
        ValueError: for a text that no path could be.
    """
    place = as_path(folder, "the working folder")
    findings = [libraries.check_package(), run_trial()]
    findings += libraries.check_libraries()
    findings += [libraries.check_kernel(), *libraries.check_front_ends(), libraries.check_package_files()]
    findings += [machine.check_memory(), machine.check_disk(place), machine.check_writing(place)]
    findings += [machine.check_hidden(place), machine.check_port()]
    return Diagnosis(tuple(findings), _versions())


def _versions() -> dict[str, str]:
    found = {"detxai_nb": __version__, "python": platform.python_version()}
    found["system"] = f"{platform.system()}-{platform.machine()}".replace(":", "")
    for name in TOLD:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found
