"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence

__all__ = ["escaped", "markdown_table"]


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; ``None.`` where it has no rows. Cells must be escaped."""
    lines = [_row(row) for row in rows]
    if not lines:
        return "None."
    return "\n".join([_row(heads), _row(["---"] * len(heads)), *lines])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Keep the text from breaking the table or becoming markup."""
    for mark in "\\`|<>*_[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
