"""Markup of a notebook's texts and outputs, as far as it may stand on a page: formatting, tables, pictures inside."""

from __future__ import annotations

import re

_DROPPED = ("script", "style", "template", "iframe", "object", "embed", "svg", "math", "noscript", "title", "textarea")
"""Elements that go with everything in them."""
_WITH_CONTENT = re.compile(rf"<({'|'.join(_DROPPED)})\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAGS = frozenset(
    [
        *(
            "a",
            "abbr",
            "b",
            "blockquote",
            "br",
            "caption",
            "code",
            "col",
            "colgroup",
            "dd",
            "del",
            "details",
            "div",
            "dl",
        ),
        *("dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li"),
        *("mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table"),
        *("tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var"),
    ]
)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
_NO_PICTURE = re.compile(r"<img(?![^>]*\ssrc=)[^>]*>")
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
_PLAIN = {"alt", "title", "colspan", "rowspan", "scope", "width", "height", "open", "start", "align"}
_CLASSED = {"span", "div", "pre", "code", "table", "th", "td", "tr", "a"}
_HEADS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def clean_markup(markup: str) -> str:
    """Return markup without what runs, loads, frames, or passes for a part of the page itself.

    Args:
        markup: HTML from a notebook.

    Returns:
        HTML with formatting, tables, links, and pictures that are inside the text.

    Example:
        >>> clean_markup('<b onclick="x()">bold</b><script>alert(1)</script><img src="http://a/b.png">')
        '<b>bold</b>'
    """
    import bleach

    kept = bleach.clean(
        _WITH_CONTENT.sub("", markup),
        tags=_TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
    )
    return _NO_PICTURE.sub("", str(kept))


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "src":
        return tag == "img" and bool(_PICTURE.match(value))
    if name == "href":
        return tag == "a" and bool(_LINK.match(value))
    if name == "class":
        return tag in _CLASSED and not re.search(r"(^|\s)dxp?-", value)
    if name == "id":
        return tag in _HEADS and not value.startswith("dx")
    return name in _PLAIN
