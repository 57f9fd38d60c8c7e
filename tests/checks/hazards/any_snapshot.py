"""Any snapshot that the models can hold, drawn from their types alone."""

import types
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from resail.models.snapshot import MeshSnapshot

__all__ = ["snapshots"]

_WORDS = (
    "",
    "default",
    "istio-system",
    "shop",
    "1.26.0",
    "1.27.9",
    "latest",
    "istiod",
    "ztunnel",
    "v1",
    "Deployment",
    "a/b",
    "true",
)
_OBJECT = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1", "networking.istio.io/v1"]),
        "kind": st.sampled_from(["Service", "Deployment", "ConfigMap", "Gateway"]),
        "metadata": st.fixed_dictionaries({"name": st.sampled_from(_WORDS)}, optional={"namespace": st.sampled_from(_WORDS)}),
    },
    optional={"spec": st.dictionaries(st.sampled_from(["template", "replicas", "ports"]), st.none() | st.integers(), max_size=2)},
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.sampled_from(_WORDS),
    int: st.integers(-1, 10**6),
    bool: st.booleans(),
    float: st.floats(0, 100),
    type(None): st.none(),
    Any: st.none() | st.booleans() | st.integers() | st.sampled_from(_WORDS),
}


def snapshots() -> st.SearchStrategy[MeshSnapshot]:
    return _of(MeshSnapshot)


@cache
def _of(wanted: Any) -> st.SearchStrategy[Any]:
    if wanted in _SCALARS:
        return _SCALARS[wanted]
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        hints = get_type_hints(wanted)
        return st.builds(wanted, **{name: _of(hints[name]) for name in wanted.__struct_fields__})
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_of, arguments))
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=2).map(tuple)
    assert origin is dict, wanted
    # A mapping to anything is an object of Kubernetes, or values.
    return _OBJECT if arguments[1] is Any else st.dictionaries(_of(arguments[0]), _of(arguments[1]), max_size=2)
