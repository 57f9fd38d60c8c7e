"""Charts whose schema refuses every value, their own defaults included.

The gateway chart up to Istio 1.26 says ``additionalProperties: false`` beside a ``$ref``. Draft 7 of JSON Schema ignores what
stands beside a ``$ref``; Helm since 3.18.5 reads schemas as draft 2020-12, in which it forbids everything
(https://github.com/helm/helm/issues/31160; Helm's way around it is ``--skip-schema-validation``).
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

__all__ = ["loadable", "refuses_everything"]

_SCHEMA = "values.schema.json"


def refuses_everything(chart: Path) -> bool:
    """Does the chart's schema forbid all values to a Helm of today?"""
    try:
        schema = msgspec.json.decode((chart / _SCHEMA).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(schema, dict) and schema.get("additionalProperties") is False and "properties" not in schema


@contextmanager
def loadable(chart: Path) -> Iterator[Path]:
    """The chart, or a copy without such a schema for those who cannot skip it."""
    if not refuses_everything(chart):
        yield chart
        return
    with tempfile.TemporaryDirectory(prefix="resail-chart-") as folder:
        copy = Path(folder) / chart.name
        shutil.copytree(chart, copy, ignore=shutil.ignore_patterns(_SCHEMA))
        yield copy
