"""Locks between processes: a file that only one of them holds at a time, and that is free however its holder ends."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_PAUSE = 0.01


def claim(path: Path, patience: float = 0.0) -> Callable[[], None]:
    """Claim a lock file until it is given up, or the process ends.

    Some network file systems have no locks. There everybody is given every claim, and the caller has to make sure that
    only one process writes.

    Args:
        path: the lock file, made if it is missing; it stays there.
        patience: for how many seconds to wait for whoever holds it.

    Returns:
        A function that gives up the claim.

    Raises:
        BlockingIOError: if somebody else holds it still.
        OSError: if the file cannot be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     give_up = claim(Path(folder) / "lock")
        ...     give_up()
        ...     claim(Path(folder) / "lock")()
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    until = time.monotonic() + patience
    while True:
        try:
            _take(handle)
            break
        except OSError as error:
            if error.errno in _NO_LOCKS:
                break
            if time.monotonic() >= until:
                os.close(handle)
                raise BlockingIOError(errno.EAGAIN, f"another process holds {path.name}", str(path)) from error
        except BaseException:
            os.close(handle)
            raise
        time.sleep(_PAUSE)
    return lambda: os.close(handle)


def _take(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
