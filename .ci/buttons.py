"""Write the repository's address, once it has one: into the notebooks, links that open them elsewhere, and the project.

python .ci/buttons.py https://github.com/OWNER/NAME

Below the title of each notebook come links that open that file in Colab and in Binder: plain links, since the pictures
of such buttons would be fetched from elsewhere whenever somebody opens a notebook. pyproject.toml gets [project.urls],
CITATION.cff the repository. Called again, also with another address, it replaces what it wrote.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

REPOSITORY = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://github\.com/(?P<owner>[A-Za-z0-9-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?", re.ASCII)
BUTTONS = re.compile(r"\[Open in Colab\]\([^)\n]*\) · \[Open in Binder\]\([^)\n]*\)\n\n?")
TABLE = re.compile(r"^\[project\.urls\]\n(?:[^\[\n].*\n)*\n?", re.MULTILINE)
CITED = re.compile(r"^repository-code:.*\n", re.MULTILINE)
BEFORE_TABLE = "[project.scripts]\n"
BEFORE_CITED = "license: "


class Repository(NamedTuple):
    """A repository on GitHub."""

    owner: str
    name: str

    @property
    def address(self) -> str:
        """Where it is."""
        return f"https://github.com/{self.owner}/{self.name}"

    def buttons(self, path: str) -> str:
        """The line of links of the notebook at that path in the repository."""
        colab = f"https://colab.research.google.com/github/{self.owner}/{self.name}/blob/main/{path}"
        binder = f"https://mybinder.org/v2/gh/{self.owner}/{self.name}/HEAD?labpath={path}"
        return f"[Open in Colab]({colab}) · [Open in Binder]({binder})"

    def urls(self) -> str:
        """The table of addresses of pyproject.toml; docs.yml publishes the documentation."""
        found = {
            "Documentation": f"https://{self.owner.lower()}.github.io/{self.name}/",
            "Source": self.address,
            "Issues": f"{self.address}/issues",
            "Changelog": f"{self.address}/blob/main/CHANGELOG.md",
        }
        return "[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in found.items()) + "\n"


def read_address(text: str) -> Repository:
    """The repository at an address.

    Raises:
        ValueError: for anything but https://github.com/OWNER/NAME; Colab opens notebooks from there only.
    """
    found = ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError(f"expected the address of a repository, https://github.com/OWNER/NAME; got {text!r:.200}")
    return Repository(found["owner"], found["name"])


def with_buttons(notebook: Any, buttons: str) -> Any:
    """The notebook with the links below its title, in the place of older ones."""
    first = notebook.cells[0]
    title, _, rest = BUTTONS.sub("", first.source).partition("\n")
    first.source = "\n\n".join(part for part in (title, buttons, rest.lstrip("\n")) if part)
    return notebook


def inserted(text: str, old: re.Pattern[str], new: str, before: str) -> str:
    """The text with one part replaced, or put before a line that begins with ``before``.

    Raises:
        ValueError: if there is no such line.
    """
    text = old.sub("", text)
    at = text.find("\n" + before) + 1
    if not at:
        raise ValueError(f"no line begins with {before!r}, before which the address would come")
    return text[:at] + new + text[at:]


def changes(folder: Path, repository: Repository) -> dict[Path, str]:
    """Every file that names the address, with its new text; nothing is written."""
    found = {}
    for path in sorted(folder.glob("notebooks/**/*.ipynb")):
        read = nbformat.read(path, as_version=4)
        buttons = repository.buttons(path.relative_to(folder).as_posix())
        found[path] = nbformat.writes(with_buttons(read, buttons)) + "\n"
    for name, old, new, before in (
        ("pyproject.toml", TABLE, repository.urls(), BEFORE_TABLE),
        ("CITATION.cff", CITED, f"repository-code: {repository.address}\n", BEFORE_CITED),
    ):
        found[folder / name] = inserted((folder / name).read_text(encoding="utf-8"), old, new, before)
    return found


def main(arguments: list[str] | None = None, folder: Path = REPOSITORY) -> int:
    """Write the address into the checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    try:
        found = changes(folder, read_address(parser.parse_args(arguments).address))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(found)} files name the repository now; look at `git diff`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
