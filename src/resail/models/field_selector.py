"""Field selectors, as the API takes them in a query."""

from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["selected_by_fields"]


def selected_by_fields(manifest: Manifest, query: str) -> bool:
    """Does a query such as ``metadata.name=x,type!=Warning`` select the object?

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
    """
    return all(_holds(manifest, *term.partition("=")) for term in query.split(","))


def _holds(manifest: Manifest, path: str, _: str, value: str) -> bool:
    return (first(manifest, path.removesuffix("!"), "") == value) is not path.endswith("!")
