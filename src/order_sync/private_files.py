"""Files that hold orders: from their first moment only the user who made them may open them."""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

PRIVATE = 0o600


def open_private(path: Path, mode: str = "x") -> IO[str]:
    """A text file to write (UTF-8), for the user alone. A file that is there keeps its permissions.

    Args:
        mode: "x" for a new file, "w" to write over one that is there.

    Raises:
        OSError: it cannot be made or written; FileExistsError with "x".
    """
    return open(path, mode, encoding="utf-8", opener=lambda p, flags: os.open(p, flags, PRIVATE))


def make_private(path: Path) -> None:
    """An empty file for the user alone, for a library that would make one everybody can read.

    Whatever is there stays as it is; what cannot be made is left to the library to complain of.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))


def warning_if_open(path: Path, secret: str) -> str | None:
    """What to say of a file that holds `secret` and that every user of this machine can read."""
    if not open_to_all(path):
        return None
    command = f"chmod 600 {shlex.quote(str(path))}"
    return f"{path} holds {secret}, and every user of this machine can read it: {command}"


def open_to_all(path: Path) -> bool:
    """Whether every user of this machine can read the file: it, and each folder on the way.

    A group that may read it is left alone: it was given the right on purpose, as systemd does.
    """
    if os.name != "posix":
        return False  # others are kept out by other means there
    try:
        path = path.resolve(strict=True)
        if not path.stat().st_mode & stat.S_IROTH:
            return False
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    except OSError:
        return False
