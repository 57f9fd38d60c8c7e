"""Faults on order: what goes wrong on a twin, and when."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from resail.errors import UsageError
from resail.models.identity import Manifest, ObjectRef
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["ApiRefuses", "Deploys", "Fault", "Faults", "NeverReady", "NodeGone", "parse_fault"]

_GROUPS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1"}
_FORMS = (
    "never-ready=NAMESPACE/KIND/NAME, node-gone=NAME@SECONDS, api-refuses=SECONDS@SECONDS, deploys=NAMESPACE/KIND/NAME@SECONDS"
)
_MARK = "twin.resail.dev/deployed-at"


class NeverReady(msgspec.Struct, frozen=True, tag="never-ready"):
    """``never-ready=NAMESPACE/KIND/NAME``: pods of the workload that come up do not get ready."""

    workload: ObjectRef


class NodeGone(msgspec.Struct, frozen=True, tag="node-gone"):
    """``node-gone=NAME@SECONDS``: the node vanishes, with all that runs on it."""

    node: str
    at: float
    """Seconds after the twin's beginning."""


class ApiRefuses(msgspec.Struct, frozen=True, tag="api-refuses"):
    """``api-refuses=SECONDS@SECONDS``: for so long the API answers each request with HTTP 500."""

    seconds: float
    at: float
    """Seconds after the twin's beginning."""


class Deploys(msgspec.Struct, frozen=True, tag="deploys"):
    """``deploys=NAMESPACE/KIND/NAME@SECONDS``: somebody else changes the workload's template."""

    workload: ObjectRef
    at: float
    """Seconds after the twin's beginning."""


Fault = NeverReady | NodeGone | ApiRefuses | Deploys


def parse_fault(text: str) -> Fault:
    """Read a fault as the command line has it.

    Raises:
        UsageError: it is none.
    """
    name, _, value = text.partition("=")
    subject, _, at = value.rpartition("@")
    try:
        match name:
            case "never-ready":
                return NeverReady(_workload(value))
            case "node-gone" if subject:
                return NodeGone(subject, _seconds(at))
            case "api-refuses":
                return ApiRefuses(_seconds(subject), _seconds(at))
            case "deploys":
                return Deploys(_workload(subject), _seconds(at))
    except (ValueError, KeyError) as error:
        raise _no_fault(text) from error
    raise _no_fault(text)


def _no_fault(text: str) -> UsageError:
    return UsageError(f"{text!r} is not a fault", next_step=f"give one of {_FORMS}")


def _workload(text: str) -> ObjectRef:
    namespace, kind, name = text.split("/")
    if not namespace or not name:
        raise ValueError(text)
    return ObjectRef(_GROUPS[kind], kind, namespace, name)


def _seconds(text: str) -> float:
    seconds = float(text)
    # Neither below nor none.
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return seconds


class Faults:
    """Those of one twin. A controller too: some come about at their time."""

    def __init__(self, server: Server, faults: Sequence[Fault]) -> None:
        self._server = server
        self._store = server.store
        self._faults = faults

    def never_ready(self, workload: ObjectRef) -> bool:
        return any(isinstance(fault, NeverReady) and str(fault.workload) == str(workload) for fault in self._faults)

    def refuses_for(self) -> float:
        """Seconds for which the API will go on failing; 0 where it does not."""
        now = self._store.clock.monotonic()
        ends = [
            one.at + one.seconds for one in self._faults if isinstance(one, ApiRefuses) and one.at <= now < one.at + one.seconds
        ]
        return max(ends, default=now) - now

    def pending(self) -> list[Key]:
        """What to look at to begin with: the number of a fault stands for an object."""
        return [Key("Fault", "", str(number)) for number in range(len(self._faults))]

    def concerns(self, change: Change) -> Iterable[Key]:
        return ()

    def reconcile(self, key: Key) -> float | None:
        fault = self._faults[int(key.name)]
        done = f"fault/{key.name}"
        acts: dict[type, Callable[..., None]] = {NodeGone: self._take_node, Deploys: self._deploy}
        if type(fault) not in acts or done in self._store.timers:
            return None
        assert isinstance(fault, NodeGone | Deploys)
        left = fault.at - self._store.clock.monotonic()
        if left > 0:
            return left
        # So that it comes about once, though the twin is opened again.
        self._store.set_timer(done, fault.at)
        acts[type(fault)](fault)
        return None

    def _take_node(self, fault: NodeGone) -> None:
        self._store.remove(Key("Node", "", fault.node))

    def _deploy(self, fault: Deploys) -> None:
        key = Key(fault.workload.kind, fault.workload.namespace, fault.workload.name)
        if self._store.get(key) is None:
            return

        def change(new: Manifest) -> None:
            metadata = new["spec"]["template"]["metadata"]
            metadata["annotations"] = {**(metadata.get("annotations") or {}), _MARK: self._store.clock.timestamp()}
            new["metadata"]["generation"] += 1

        self._store.edit(key, change)
