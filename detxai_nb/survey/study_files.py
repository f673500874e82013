"""Files of studies: one JSON file with its pictures, which is read whole and checked, or not at all."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.survey.plain import file_content, file_fields, only, read_limited, take

if TYPE_CHECKING:
    from detxai_nb.survey.study import Study

FORMAT = "detxai-nb study 1"
LARGEST = 256 * 10**6
"""The most bytes in a file of a study."""


def visible(study: Study) -> dict[str, Any]:
    """Return everything but the key as plain values.

    Args:
        study: with or without a key.

    Returns:
        Plain values by name.
    """
    return {
        "title": study.title,
        "consent": study.consent,
        "items": [{**vars(item), "pictures": list(item.pictures), "size": list(item.size)} for item in study.items],
        "pictures": {name: base64.b64encode(content).decode() for name, content in study.pictures.items()},
        "plan": {code: [[name, list(order)] for name, order in turns] for code, turns in study.plan.items()},
    }


def study_bytes(study: Study) -> bytes:
    """Return the content of a study's file.

    Args:
        study: with or without a key.

    Returns:
        Its bytes.
    """
    secret: dict[str, Any] | None = None
    if study.key is not None:
        options = {
            name: {
                "options": list(key.options),
                "boxes": [list(box) for box in key.boxes],
                "target": key.target,
                "discrimination": list(key.discrimination),
            }
            for name, key in study.key.items()
        }
        secret = {"items": options, "references": dict(study.references)}
    return file_content({"format": FORMAT, **visible(study), "key": secret})


def read_study(path: Path) -> Study:
    """Read what ``study_bytes`` gave.

    Args:
        path: the file.

    Returns:
        The study.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for anything else than a whole file of a study.
    """
    content = read_limited(path, "a study", LARGEST)
    try:
        return _study(file_fields(content, "a study", FORMAT))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, binascii.Error) as error:
        raise ValueError(f"{path} is no whole file of a study: {error}") from error


def _study(fields: Mapping[str, Any]) -> Study:
    from detxai_nb.survey.study import Study, StudyItem

    only(fields, ("format", "title", "consent", "items", "pictures", "plan", "key"))
    items = []
    for one in take(fields, "items", list):
        only(one, ("name", "kind", "subject", "words", "pictures", "size"))
        texts = {name: take(one, name, str) for name in ("name", "kind", "subject", "words")}
        width, height = map(_whole, one["size"])
        items.append(StudyItem(**texts, pictures=tuple(map(str, one["pictures"])), size=(width, height)))
    plan = {
        code: tuple((str(name), tuple(map(_whole, order))) for name, order in turns)
        for code, turns in take(fields, "plan", dict).items()
    }
    pictures = {name: base64.b64decode(text, validate=True) for name, text in take(fields, "pictures", dict).items()}
    key, references = _key(take(fields, "key", (dict, type(None))))
    title, consent = take(fields, "title", str), take(fields, "consent", str)
    return Study(title, consent, tuple(items), pictures, plan, key, references)


def _key(secret: Mapping[str, Any] | None) -> tuple[dict[str, Any] | None, dict[str, str]]:
    from detxai_nb.survey.study import ItemKey

    if secret is None:
        return None, {}
    only(secret, ("items", "references"))
    found = {}
    for name, one in take(secret, "items", dict).items():
        only(one, ("options", "boxes", "target", "discrimination"))
        boxes = tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in one["boxes"])
        index = tuple(None if value is None else float(value) for value in one["discrimination"])
        found[name] = ItemKey(tuple(map(str, one["options"])), boxes, _whole(one["target"]), index)
    return found, {str(kind): str(name) for kind, name in take(secret, "references", dict).items()}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a whole number was expected, got {str(value)[:40]!r}")
    return value
