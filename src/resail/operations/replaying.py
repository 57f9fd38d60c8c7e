"""Live custom resources tried against the CRDs of a target, beside the mesh: on a bare API server, or by their schemas alone."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from resail.checks.hazards.case import Case, Refusal
from resail.models.encoding import canonical_json
from resail.models.essence import essence
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind
from resail.testbed.binaries import cached
from resail.testbed.dry_runs import refused_by_server
from resail.testbed.tools import API_SERVER
from resail.twin.schemas import problems, pruned

__all__ = ["replayed", "replayed_by_schema"]

_CRD = "CustomResourceDefinition.apiextensions.k8s.io"
_RULES = "x-kubernetes-validations"
_NO_PROGRAMS = "the programs of a control plane are not here, so rules in CEL were not evaluated: {} new ones of {}"

Definitions = Mapping[str, Manifest]
"""By the name of the CRD."""


async def replayed(case: Case, progress: Callable[[str], None], *, by_server: bool = True) -> Case:
    """The case with what the target's CRDs say to the objects that are there.

    What the installed CRDs say, too, is left out; and kinds whose definition the target leaves as it is, or no longer serves in
    the version that is stored, are not tried.

    Args:
        case: with what the target renders.
        progress: is told what goes on.
        by_server: the bed's API server decides where it is at hand; else the schemas alone.

    Raises:
        ResailError: the API server of the bed does not come up.
    """
    target = {one["metadata"]["name"]: one for part in case.parts for one in part.rendered or () if _is_definition(one)}
    if not target or _CRD not in case.objects.by_kind:
        return case
    installed = {one["metadata"]["name"]: one for one in case.objects.by_kind[_CRD]}
    concerned = list(_concerned(case, installed, target))
    if concerned and by_server and all(cached(name) for name in API_SERVER):
        progress(f"trying {len(concerned)} objects against the CRDs of {case.target}")
        wanted = {_definition_of(one, target) for one in concerned}
        with tempfile.TemporaryDirectory(prefix="resail-replay-") as folder:
            refusals = await refused_by_server(
                Path(folder),
                [installed[name] for name in sorted(wanted) if name in installed],
                [target[name] for name in sorted(wanted)],
                [essence(one) for one in concerned],
            )
        return msgspec.structs.replace(case, refusals=refusals)
    refusals, unreplayed = await asyncio.to_thread(replayed_by_schema, concerned, installed, target)
    return msgspec.structs.replace(case, refusals=refusals, unreplayed=unreplayed)


def replayed_by_schema(
    objects: Sequence[Manifest], installed: Definitions, target: Definitions
) -> tuple[tuple[Refusal, ...], str]:
    """What the target's schemas say to these objects, and why that is not all; empty where it is."""
    refusals: list[Refusal] = []
    rules: set[bytes] = set()
    kinds: set[str] = set()
    for one in objects:
        name = _definition_of(one, target)
        before, after = _schema(one, installed.get(name)), _schema(one, target.get(name))
        known = set(_said(one, before))
        refusals += [_refusal(one, words) for words in dict.fromkeys(_said(one, after)) if words not in known]
        new = set(_rules(after)) - set(_rules(before))
        if new:
            rules |= new
            kinds.add(one["kind"])
    return tuple(refusals), _NO_PROGRAMS.format(len(rules), ", ".join(sorted(kinds))) if rules else ""


def _concerned(case: Case, installed: Definitions, target: Definitions) -> Iterator[Manifest]:
    """Objects whose schema the target changes."""
    for name, definition in sorted(target.items()):
        spec = definition["spec"]
        for one in case.objects.by_kind.get(group_kind(f"{spec['group']}/", spec["names"]["kind"]), ()):
            after = _schema(one, definition)
            if after is not None and canonical_json(after) != canonical_json(_schema(one, installed.get(name))):
                yield one


def _is_definition(manifest: Manifest) -> bool:
    return bool(manifest.get("kind") == "CustomResourceDefinition")


def _definition_of(one: Manifest, definitions: Definitions) -> str:
    kind = group_kind(one["apiVersion"], one["kind"])
    return next(
        (
            name
            for name, found in definitions.items()
            if group_kind(f"{found['spec']['group']}/", found["spec"]["names"]["kind"]) == kind
        ),
        "",
    )


def _schema(one: Manifest, definition: Manifest | None) -> dict[str, Any] | None:
    """Of the version that an object is stored in; None where it is not served."""
    wanted = one["apiVersion"].rpartition("/")[2]
    for version in definition["spec"]["versions"] if definition else ():
        if version["name"] == wanted and version["served"]:
            found: dict[str, Any] = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            return found
    return None


def _said(one: Manifest, schema: dict[str, Any] | None) -> Iterator[str]:
    if schema is not None:
        yield from problems(pruned(essence(one), schema), schema)


def _refusal(one: Manifest, words: str) -> Refusal:
    path, _, said = words.partition(": ")
    return Refusal(ObjectRef.of(one), path, said)


def _rules(schema: Any) -> Iterable[bytes]:
    """The rules in CEL anywhere in a schema."""
    if isinstance(schema, dict):
        for rule in schema.get(_RULES) or ():
            yield canonical_json(rule)
        for name, inner in schema.items():
            if name != _RULES:
                yield from _rules(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _rules(inner)
