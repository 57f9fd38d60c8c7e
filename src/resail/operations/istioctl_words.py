"""What the target's own ``istioctl x precheck`` and ``istioctl analyze`` say, as findings under their codes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from resail.errors import ArtifactError
from resail.kube import KubeCluster
from resail.models.access import KubeAccess
from resail.models.finding import Finding, FindingObject, Severity
from resail.models.identity import IstioVersion
from resail.models.precheck import NotEvaluated
from resail.operations.cluster_choice import open_cluster
from resail.operations.inspect import MeshChoice
from resail.operations.istioctl import istioctl_store
from resail.releases.istioctl.running import IstioctlError, run_istioctl

__all__ = ["IstioctlWords", "istioctl_words"]

_ANALYZE = ("analyze", "--all-namespaces", "--output-threshold=Warning", "--output=json")
_PRECHECK = ("x", "precheck", "--output=json")
_REFERENCE = "https://istio.io/latest/docs/reference/config/analysis/"


class _Message(msgspec.Struct):
    code: str
    level: str
    message: str
    origin: str = ""
    documentation_url: str = msgspec.field(name="documentationUrl", default="")


class IstioctlWords(msgspec.Struct, frozen=True):
    """What it said, or why it could not be asked."""

    findings: tuple[Finding, ...] = ()
    not_evaluated: tuple[NotEvaluated, ...] = ()


async def istioctl_words(
    choice: MeshChoice,
    target: IstioVersion,
    installed: IstioVersion,
    revision: str,
    directories: tuple[Path, ...],
    progress: Callable[[str], None],
) -> IstioctlWords:
    """Ask the istioctl of the target, where it is to be had without building it.

    An error of ``analyze`` is about the mesh as it is and stands in the way of no upgrade: it is a warning here.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    if choice.saved or choice.cluster.twin is not None:
        return _not_asked("the mesh is no cluster that istioctl could reach")
    try:
        program = await asyncio.to_thread(istioctl_store(directories, build=False).get, target, lambda _: None)
    except ArtifactError:
        return _not_asked(f"istioctl {target} is not here; `resail istioctl {target}` gets it")
    async with open_cluster(choice.cluster) as cluster:
        assert isinstance(cluster, KubeCluster)
        access = cluster.access
    progress(f"asking istioctl {target}")
    common = (f"--revision={revision}", f"--istioNamespace={choice.istio_namespace}")
    questions = ((*_PRECHECK, f"--from-version={installed.line}", *common), (*_ANALYZE, *common))
    answers = await asyncio.gather(*(_asked(Path(program.path), question, access) for question in questions))
    found = {finding for answer in answers for finding in answer.findings}
    return IstioctlWords(tuple(sorted(found)), tuple(one for answer in answers for one in answer.not_evaluated))


async def _asked(program: Path, question: tuple[str, ...], access: KubeAccess) -> IstioctlWords:
    name = "istioctl analyze" if "analyze" in question else "istioctl x precheck"
    try:
        printed = await run_istioctl(program, question, access=access)
        messages = msgspec.json.decode(_without_log(printed), type=list[_Message])
    except (IstioctlError, msgspec.DecodeError) as error:
        return IstioctlWords((), (NotEvaluated(name, f"it failed: {error}"),))
    return IstioctlWords(tuple(_finding(one, name) for one in messages))


def _without_log(printed: str) -> str:
    """Its analyzers log to standard output, before the document; it prints nothing where it has nothing to say."""
    lines = printed.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(("[{", "[]")) or line == "["), None)
    return "[]" if start is None else "\n".join(lines[start:])


def _finding(message: _Message, name: str) -> Finding:
    severities: dict[str, Severity] = {"Error": "warning" if name == "istioctl analyze" else "blocker", "Warning": "warning"}
    return Finding(
        id=message.code,
        severity=severities.get(message.level, "info"),
        message=message.message,
        objects=tuple(_places(message.origin)),
        evidence=f"{name}: {message.level} at {message.origin or 'the mesh'}",
        fix=f"see what {message.code} means, and mend it",
        source=message.documentation_url.partition("?")[0] or f"{_REFERENCE}{message.code.lower()}/",
    )


def _places(origin: str) -> Iterator[FindingObject]:
    """Of ``VirtualService default/bad`` or ``Namespace default``."""
    with contextlib.suppress(ValueError):
        kind, where = origin.split()
        namespace, _, name = where.rpartition("/")
        yield FindingObject(kind, namespace, name)


def _not_asked(reason: str) -> IstioctlWords:
    return IstioctlWords((), (NotEvaluated("istioctl", reason),))
