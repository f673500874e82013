"""Which checks of the contract are left out where another kind of detector stands for one."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of kinds that ``kinds.ALIKE`` names, leave out the tests that their file calls ``THOROUGH``."""
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or item.function not in getattr(item.module, "THOROUGH", ()):
        return False
    from full_size import FULL_SIZE
    from kinds import ALIKE

    return not FULL_SIZE and item.callspec.params["kind"] in ALIKE
