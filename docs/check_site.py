"""Check a built site: public names are documented, links lead somewhere, and no page loads anything from elsewhere.

python docs/check_site.py SITE
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PACKAGE = "detxai_nb"
LOADING = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
"""Elements that load a file, with the attribute that names it; of ``link`` those of ``SHEETS``."""
SHEETS = {"stylesheet", "icon", "preload", "modulepreload", "manifest"}


def public_modules() -> Iterator[ModuleType]:
    """The modules of the package that say what is public in them."""
    package = importlib.import_module(PACKAGE)
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if any(part.startswith("_") for part in found.name.split(".")):
            continue
        module = importlib.import_module(found.name)
        if hasattr(module, "__all__"):
            yield module


def public_names() -> dict[str, Any]:
    """Every public name, in full, with its object."""
    return {
        f"{module.__name__}.{name}": getattr(module, name) for module in public_modules() for name in module.__all__
    }


def is_documented(name: str, thing: Any, there: dict[str, int]) -> bool:
    """Whether a site names an object, under this name or another one of the package.

    Args:
        name: in full.
        thing: the object.
        there: the documented names, with the identities of their objects.

    Returns:
        True for the same object under the same last name; functions and classes may be called otherwise.
    """
    if name in there or (isinstance(thing, ModuleType) and thing.__name__ in there):
        return True
    anywhere = inspect.isclass(thing) or inspect.isroutine(thing)
    last = name.rpartition(".")[2]
    return any(same == id(thing) and (anywhere or other.rpartition(".")[2] == last) for other, same in there.items())


def identities(names: set[str]) -> dict[str, int]:
    """The identities of the objects that full names name, of those that are there."""
    found = {}
    for name in names:
        holder, _, last = name.rpartition(".")
        if name in sys.modules:
            found[name] = id(sys.modules[name])
        elif holder in sys.modules:
            found[name] = id(getattr(sys.modules[holder], last, None))
        else:
            found[name] = 0
    return found


def documented(inventory: bytes) -> set[str]:
    """The names of Python objects in an inventory of Sphinx (``objects.inv``, version 2)."""
    head, _, packed = inventory.partition(b"zlib.\n")
    if not head.startswith(b"# Sphinx inventory version 2"):
        raise ValueError("this is no inventory of Sphinx of version 2")
    lines = zlib.decompress(packed).decode("utf-8").splitlines()
    return {line.split(" ")[0] for line in lines if line.split(" ")[1].startswith("py:")}


class PageReader(HTMLParser):
    """The links, loaded files and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADING and values.get(LOADING[tag]):
            self.loaded.append(values[LOADING[tag]])
        if tag == "link" and set(values.get("rel", "").split()) & SHEETS:
            self.loaded.append(values.get("href", ""))


def link_faults(site: Path) -> list[str]:
    """Links within the site that lead nowhere, and files that pages would load from elsewhere."""
    files = {path.resolve() for path in site.rglob("*") if path.is_file()}
    # Themes leave templates among their own files, which nobody opens.
    written = [one for one in sorted(files) if one.suffix == ".html" and "_static" not in one.parts]
    pages = {path: PageReader(path.read_text(encoding="utf-8")) for path in written}
    faults = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve()).as_posix()
        for address in page.loaded:
            if _elsewhere(address):
                faults.append(f"{where} loads {address[:80]}")
        for address in [*page.links, *(one for one in page.loaded if not _elsewhere(one))]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target not in files:
                faults.append(f"{where} links {address}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors | {""}:
                faults.append(f"{where} links {address}, where there is no such place")
    return list(dict.fromkeys(faults))


def _elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def undocumented(site: Path) -> tuple[list[str], int]:
    """The public names that a site says nothing of, and how many there are."""
    names = public_names()
    there = identities(documented((site / "objects.inv").read_bytes()))
    return [name for name, thing in names.items() if not is_documented(name, thing, there)], len(names)


def main() -> int:
    """Print what is wrong, and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="the folder that Sphinx wrote")
    site = parser.parse_args().site
    missing, names = undocumented(site)
    faults = link_faults(site)
    for line in [*(f"{name} is documented nowhere" for name in missing), *faults]:
        print(line)
    print(f"public names documented: {names - len(missing)} of {names}")
    print(f"links that lead nowhere, and files loaded from elsewhere: {len(faults)}")
    return 1 if missing or faults else 0


if __name__ == "__main__":
    sys.exit(main())
