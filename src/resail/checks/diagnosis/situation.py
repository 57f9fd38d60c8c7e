"""What the rules look at: one mesh at one moment, with what its pods and its runs say."""

from datetime import datetime

import msgspec

from resail.checks.hazards.case import Case, all_of
from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import Run
from resail.models.mesh_objects import MeshObjects
from resail.models.precheck import NotEvaluated
from resail.models.release_facts import ReleaseFacts
from resail.models.snapshot import MeshSnapshot
from resail.models.trust import TrustBundle

__all__ = ["LogTail", "RunSeen", "Situation"]


class LogTail(msgspec.Struct, frozen=True):
    """The end of the log of a container that is not well."""

    pod: ObjectRef
    container: str
    previous: bool
    """Of the container before its last restart."""
    text: str
    """Without values of Secrets; empty where it is not to be had."""
    problem: str = ""
    """Why it is not."""


class RunSeen(msgspec.Struct, frozen=True):
    """A run of resail, as its journal tells it."""

    run: Run
    alive: bool
    """Somebody works on it, and renews the lease or holds the lock."""
    holder: str
    """Who does, or who did at last; empty where nobody is known."""
    place: str
    """Where the journal is: the ConfigMaps, or the file."""
    done: tuple[str, ...] = ()
    """Steps that were done and not undone, in their order."""
    undoing: bool = False
    """It was being rolled back."""
    halted: str = ""
    """Why it halted, as ``RunHalted.why``; empty where it did not."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read. Rules look, and change nothing."""

    now: datetime
    """By the clock of the cluster's time: a twin has its own."""
    snapshot: MeshSnapshot
    objects: MeshObjects
    pods: tuple[Manifest, ...] = ()
    """Whole: those of the mesh's own parts, and of workloads with a sidecar some of those that are not ready."""
    events: tuple[Manifest, ...] = ()
    """Warnings, the newest last."""
    logs: tuple[LogTail, ...] = ()
    bundles: tuple[TrustBundle, ...] = ()
    """The caBundles of all webhooks of Istio, and the roots in the root namespace."""
    runs: tuple[RunSeen, ...] = ()
    """In the order in which they began."""
    facts: tuple[ReleaseFacts, ...] = ()
    """Of the lines up to the newest istiod that runs, the oldest first."""
    read_values: dict[str, tuple[str, ...]] = {}
    """``namespace/name`` of a Helm release → paths of its user's values that the chart, as Helm stored it, has in its templates.
    Only of releases whose chart is stored."""
    case: Case | None = None
    """The last upgrade, as far as it is known: from what to what; None: it is not."""
    unread: tuple[NotEvaluated, ...] = ()
    """What could not be read."""

    def all(self, kind: str) -> tuple[Manifest, ...]:
        """All objects of a kind, such as ``Deployment.apps`` or ``Service``.

        Raises:
            Unknown: the kind could not be read.
        """
        return all_of(self.objects, kind)
