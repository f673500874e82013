"""Kernels of notebooks, forked from one process that has imported the libraries.

A kernel that starts by itself spends longer on importing torch, pandas and matplotlib than on most notebooks. Here one
process imports them once and computes nothing; every kernel is a fork of it, with a namespace, a folder and an
environment of its own. (The notebook to start with also runs in JupyterLab, where its kernel begins from nothing.)
"""

from __future__ import annotations

import atexit
import builtins
import gc
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

ARE_SAFE = sys.platform == "linux"
"""Whether a process that has imported torch may be forked here."""
IMPORTED = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "detxai_nb.light_torchvision",
    "detxai_nb.detectors.detr",
    "detxai_nb.evaluation",
    "detxai_nb.interventions",
    "detxai_nb.plots",
    "detxai_nb.profiles",
    "detxai_nb.sanity",
    "detxai_nb.tiny",
    "detxai_nb.widgets",
    "facenet_pytorch",
    "matplotlib.backends.backend_agg",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyarrow.parquet",
    "transformers.models.conditional_detr.modeling_conditional_detr",
)
"""What several notebooks import, where it is installed; nothing that looks for its kernel (the inline backend)."""


_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
"""For glibc: the memory of a large tensor is used again, not handed back: a fourteenth of a forward pass."""


class ForkedKernel:
    """A kernel's process, with what ``jupyter_client`` asks of a ``subprocess.Popen``.

    Attributes:
        pid: of the kernel.
        returncode: None while it runs.
    """

    stdin = stdout = stderr = None

    def __init__(self, parent: subprocess.Popen[bytes]) -> None:
        self._says = parent.stdout
        self.pid, self.returncode = int(self._says.readline()), None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has one."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a forked kernel", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._says], [], [], timeout)[0]:
            self.returncode = int(self._says.readline())
        return self.returncode


class KernelParent:
    """The process that has imported the libraries; it starts with the first kernel and has one kernel at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: list[str], env: dict[str, str], cwd: str | None = None, **_: Any) -> ForkedKernel:
        """Fork a kernel; stands in for ``jupyter_client.launcher.launch_kernel``.

        Args:
            command: an interpreter, ``-m ipykernel_launcher``, and the kernel's own arguments.
            env: the kernel's environment.
            cwd: its folder.

        Returns:
            The kernel's process.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**env, **_KEEP_MEMORY},
            )
        arguments = command[command.index("ipykernel_launcher") + 1 :]
        order = {"arguments": arguments, "env": env, "cwd": str(cwd or Path.cwd())}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return ForkedKernel(self._process)

    def close(self) -> None:
        """End the process, and a kernel that still runs."""
        if self._process is not None:
            self._process.communicate()


def _serve() -> None:
    """Import the libraries; then, for each order, fork a kernel, say its number, and its exit status at its end."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    # As in a kernel: matplotlib reads the one, pandas asks the other how wide its tables may be, both once for all.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    vars(builtins)["get_ipython"] = lambda: types.SimpleNamespace(kernel=None)
    for name in IMPORTED:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    del vars(builtins)["get_ipython"]
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _become_kernel(**json.loads(line))
        _, status = os.waitpid(pid, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


def _become_kernel(arguments: list[str], env: dict[str, str], cwd: str) -> NoReturn:
    status = 1
    try:
        os.setsid()
        os.write(1, b"%d\n" % os.getpid())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
        os.chdir(cwd)
        sys.argv = [str(importlib.util.find_spec("ipykernel_launcher").origin), *arguments]
        sys.modules["ipykernel.kernelapp"].launch_new_instance()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        os._exit(status)


if __name__ == "__main__":
    del sys.path[0]  # this folder
    _serve()
