"""YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from resail.errors import ArtifactError, UsageError
from resail.models.plain_yaml import read_yaml

__all__ = ["read_yaml_file"]


def read_yaml_file(path: Path) -> Any:
    """The one document of a file; None where it is empty.

    Raises:
        UsageError: it is not YAML, or holds what JSON cannot; names file, line and column.
        ArtifactError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return read_yaml(text)
    except OSError as error:
        raise ArtifactError(f"cannot be read: {error.strerror}", on=str(path), next_step="see that the file is there") from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8 text", on=str(path), next_step="save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise _not_yaml(path, text, error) from error


def _not_yaml(path: Path, text: str, error: yaml.YAMLError) -> UsageError:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line]:
        column = lines[mark.line].index("\t") + 1
        return UsageError(
            "there is a tab, which YAML does not take for indentation",
            on=f"{path}, line {mark.line + 1}, column {column}",
            next_step="put spaces in its place",
        )
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return UsageError(f"cannot be read as YAML: {problem}", on=place, next_step="mend the file at that place")
