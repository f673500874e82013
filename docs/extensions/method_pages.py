"""What the page of a method takes from the package: facts and picture, its docstring, and the table of all methods.

``method-facts SLUG``, ``method-reference SLUG`` and ``method-list`` say nothing of their own, so that a page and the
package cannot contradict each other; the words between them are written by hand.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from make_method_pictures import example_of, file_name, make_pictures
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import detxai_nb
from detxai_nb.methods import Method, all_methods, find_method
from detxai_nb.types import SIDES

FOLDER = "method-pictures"
"""In the built site."""
LOGGER = logging.getLogger(__name__)
KINDS = {
    "gradient": "activation and gradient of a layer",
    "trace": "the inside of a detector",
    "perturbation": "answers about changed pictures",
}
"""What a method of each kind reads."""
REASONS = {
    "regions": "two-stage detectors, whose predictions are pooled from regions",
    "attention": "DETRs",
    "logits": "image classifiers",
    "any input size": "image classifiers that take pictures of any size",
    "rerun": "detectors whose network can be run again with each prediction read at its own place",
}
"""Which detectors have what a method needs."""


def facts(method: Method) -> Iterator[tuple[str, str]]:
    """What a method's record says, in words."""
    yield "Name", f"`{method.name}`"
    yield "Source", method.source
    yield "Reads", KINDS[method.kind]
    yield "Explains", " and ".join(_explained(method))
    yield "Works on", _works_on(method)
    if method.prefers:
        yield "Layer", f"{', else '.join(f'`{name}`' for name in method.prefers)}, unless one is named"
    settings = method.complete({}) if hasattr(method, "complete") else {}
    if settings:
        yield "Settings", ", ".join(f"`{name}={value!r}`" for name, value in settings.items())


def _explained(method: Method) -> Iterator[str]:
    if "class" in method.parts:
        scores = {"prob": "probability", "logit": "logit", "log-prob": "log-probability"}
        yield f"the class ({', '.join(scores[name] for name in method.scores)})"
    if set(SIDES) <= set(method.parts):
        yield "each side of the box"


def _works_on(method: Method) -> str:
    if method.kind == "perturbation":
        return "every detector, black boxes too"
    reasons = [REASONS[need] for need in method.needs if need in REASONS]
    return reasons[-1] if reasons else "every detector that is not a black box, and image classifiers"


class MethodFacts(SphinxDirective):
    """The facts as a table, and the picture with the code that draws it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write both in Markdown."""
        slug = self.arguments[0]
        rows = "\n".join(f"| **{name}** | {text} |" for name, text in facts(find_method(slug)))
        found = self.parse_text_to_nodes(f"| | |\n|---|---|\n{rows}\n")
        source = f"{'../' * self.env.docname.count('/')}{FOLDER}/{file_name(slug)}.png"
        example = example_of(slug)
        shown = "a class of the whole picture" if example.whole_picture else "objects of one picture, each with its box"
        words = html.escape(f"Maps of {find_method(slug).title}: {shown}")
        found.append(
            nodes.raw(
                "",
                f'<figure class="method-picture"><img src="{source}" alt="{words}" loading="lazy">'
                f"<figcaption>{words}, drawn by the code below.</figcaption></figure>",
                format="html",
            )
        )
        found.append(nodes.literal_block(example.code, example.code, language="python"))
        return found


class MethodReference(SphinxDirective):
    """The docstring of the method's function, and of its settings where they are a class; then the source."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Let autodoc write it."""
        method = find_method(self.arguments[0])
        lines = [f".. autofunction:: {method.function.__module__}.{method.function.__name__}", ""]
        if method.settings is not None:
            lines += [f".. autoclass:: {method.settings.__module__}.{method.settings.__name__}", ""]
        # autodoc writes reStructuredText, whatever the page is written in.
        found = self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))
        file = Path(inspect.getfile(method.function))
        self.env.note_dependency(str(file))
        name = html.escape(file.relative_to(Path(detxai_nb.__file__).parents[1]).as_posix())
        source = file.read_text(encoding="utf-8")
        return [
            *found,
            nodes.raw("", f"<details><summary>The source, <code>{name}</code></summary>", format="html"),
            nodes.literal_block(source, source, language="python"),
            nodes.raw("", "</details>", format="html"),
        ]


class MethodList(SphinxDirective):
    """All methods, each with its page."""

    def run(self) -> list[nodes.Node]:
        """Write the table in Markdown."""
        rows = [
            f"| [{one.title}]({file_name(one.name)}.md) | `{one.name}` | {KINDS[one.kind]} | {_works_on(one)} |"
            for one in all_methods().values()
        ]
        head = ["| method | name | reads | works on |", "|---|---|---|---|"]
        return self.parse_text_to_nodes("\n".join([*head, *rows]))


def make(app: Any) -> None:
    """Make the pictures that are not there yet, in the folder of the site."""
    if app.builder.format == "html":
        for slug, seconds in make_pictures(Path(app.outdir) / FOLDER):
            LOGGER.info("picture of %s: %.1f s", slug, seconds)


def missing_pages(folder: Path, slugs: Iterable[str] | None = None) -> list[str]:
    """The methods without a page of their own."""
    known = all_methods() if slugs is None else slugs
    return [slug for slug in known if not (folder / f"{file_name(slug)}.md").is_file()]


def check(app: Any) -> None:
    """Warn of methods without a page."""
    for slug in missing_pages(Path(app.srcdir) / "methods"):
        LOGGER.warning("the method %s has no page: write docs/methods/%s.md", slug, file_name(slug))


def setup(app: Any) -> dict[str, Any]:
    """Add the directives, and make what they show."""
    app.add_directive("method-facts", MethodFacts)
    app.add_directive("method-reference", MethodReference)
    app.add_directive("method-list", MethodList)
    app.connect("builder-inited", make)
    app.connect("builder-inited", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
