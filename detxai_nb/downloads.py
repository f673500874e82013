"""Files that are downloaded once: where they are kept, whether they are whole, and what to do without the internet."""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from detxai_nb.files import as_path, write_atomically


@dataclass(frozen=True)
class Download:
    """A file of weights at an address, and its place in PyTorch's cache.

    Attributes:
        url: the address. The end of its file name states how the SHA-256 of its content begins, as in
            ``model-a79551df.pth``; a name without that is not checked.
    """

    url: str

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return Path(unquote(urlparse(self.url).path)).name

    @property
    def path(self) -> Path:
        """Where the file is kept: in ``hub/checkpoints`` of the folder that TORCH_HOME names, as torchvision does."""
        import torch

        return Path(torch.hub.get_dir()).expanduser() / "checkpoints" / self.file_name

    @property
    def stated_digest(self) -> str:
        """How the SHA-256 of the content begins, as the file's name states it; empty if it states none."""
        found = re.search(r"-([a-f0-9]{8,})\.\w+$", self.file_name)
        return found[1] if found else ""

    def is_content_of(self, path: Path) -> bool:
        """Return whether a file is this one: whether the SHA-256 of its content begins as stated.

        Args:
            path: a file.

        Returns:
            True also for a name that states nothing.
        """
        if not self.stated_digest:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(self.stated_digest)

    def fetch(self, progress: bool = True) -> Path:
        """Return the file in the cache, downloaded if it is not there or is damaged.

        Args:
            progress: whether to show a progress bar on stderr.

        Returns:
            ``path``.

        Raises:
            OSError: if it cannot be downloaded or written; there is then no half file in the cache.
        """
        import torch

        path = self.path
        if path.is_file() and self.is_content_of(path):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if progress:
            print(f"downloading {self.url} to {path}", file=sys.stderr)
        try:
            torch.hub.download_url_to_file(self.url, str(path), self.stated_digest or None, progress=progress)
        except (RuntimeError, http.client.HTTPException) as error:  # a wrong digest; an answer that breaks off
            raise OSError(f"what came is not {self.file_name}: {' '.join(str(error).split())}") from error
        return path

    def take(self, file: Path) -> Path:
        """Copy a file that was downloaded elsewhere into the cache.

        Args:
            file: the file, under any name.

        Returns:
            ``path``.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if its content is not what the address's file name states.
        """
        file = as_path(file, "a downloaded file")
        if not file.is_file():
            raise FileNotFoundError(f"there is no file {file} (looked from the folder {Path.cwd()})")
        if not self.is_content_of(file):
            raise ValueError(
                f"{file} is not {self.file_name}: its SHA-256 does not begin with {self.stated_digest}; "
                f"download {self.url} again"
            )
        path = self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as source:
            write_atomically(path, lambda target: shutil.copyfileobj(source, target))
        return path
