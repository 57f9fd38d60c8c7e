"""The global options, as every command sees them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["OutputFormat", "Settings"]

OutputFormat = Literal["table", "json", "yaml", "md", "html", "sarif"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for before or after the command's name; a dataclass, since ``--help`` must start fast."""

    kubeconfig: Path | None = None
    context: str | None = None
    istio_namespace: str = "istio-system"
    output: OutputFormat = "table"
    quiet: bool = False
    """Only results and errors."""
    verbose: bool = False
    """Everything that is journalled, and tracebacks."""
