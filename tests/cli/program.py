"""The program as people start it: a process of its own, with a home of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["Program"]


class Program:
    """``resail`` below a fresh home, away from any real cluster."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
        }

    def __call__(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from resail.apps.cli.main import main; main()", *arguments],
            capture_output=True,
            text=True,
            cwd=self.home,
            env=self._environment | environment,
            timeout=60,
            check=False,
        )


@pytest.fixture
def resail(tmp_path: Path) -> Program:
    return Program(tmp_path)
