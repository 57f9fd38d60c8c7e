"""What a failed or cut-off action of ours left is cleared; what is anyone else's is not touched."""

import msgspec
import pytest

from resail.errors import HaltedError
from resail.installers.helm_records import copied, encode_release
from resail.installers.helm_storage import StoredRelease, release_secret
from resail.installers.stored_releases import StoredReleases
from resail.models.identity import Manifest, ObjectRef
from tests.snapshot.object_reader import ObjectReader

RUN, OTHER = "r-1", "r-2"


class Deleting:
    """A writer that remembers what was to be deleted; nothing else is to be written here."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def delete(self, ref: ObjectRef, *, dry_run: bool = False) -> None:
        self.deleted.append(ref.name)


def revision(number: int, status: str, run: str = "") -> Manifest:
    made = StoredRelease("istiod", "istio-system", number, status, "istiod", "1.26.0", "1.26.0", {}, (), "ssa", run)
    return encode_release(made)


def back_to_first(status: str) -> Manifest:
    """As Helm writes a rollback: with the labels of the revision that it goes back to."""
    return copied(revision(1, "superseded"), 3, status)


async def recovered(history: list[Manifest], *, unfinished: bool = True) -> list[str]:
    writer = Deleting()
    installer = StoredReleases(ObjectReader(history, "1.31.0"), writer)  # type: ignore[arg-type]
    cleared = await installer.recover("istio-system/istiod", run=RUN, unfinished=unfinished)
    assert cleared == bool(writer.deleted)
    return writer.deleted


@pytest.mark.parametrize("status", ["failed", "pending-upgrade"])
async def test_ours(status: str) -> None:
    history = [revision(1, "deployed"), revision(2, status, RUN)]
    assert await recovered(history) == [release_secret("istiod", 2)]


@pytest.mark.parametrize("status", ["failed", "pending-rollback"])
async def test_our_rollback(status: str) -> None:
    history = [revision(1, "superseded"), revision(2, "deployed", RUN), back_to_first(status)]
    assert await recovered(history) == [release_secret("istiod", 3)]


@pytest.mark.parametrize(("run", "unfinished"), [(OTHER, True), ("", True), (RUN, False)])
async def test_a_failed_one_that_we_did_not_leave_is_for_the_preconditions(run: str, unfinished: bool) -> None:
    history = [revision(1, "deployed"), revision(2, "failed", run)]
    assert await recovered(history, unfinished=unfinished) == []


@pytest.mark.parametrize(("run", "unfinished"), [(OTHER, True), ("", True), (RUN, False)])
async def test_a_pending_one_that_we_did_not_leave_is_refused(run: str, unfinished: bool) -> None:
    with pytest.raises(HaltedError, match="did not leave it so"):
        await recovered([revision(1, "deployed"), revision(2, "pending-upgrade", run)], unfinished=unfinished)


async def test_nothing_to_clear() -> None:
    assert await recovered([]) == []
    assert await recovered([msgspec.json.decode(msgspec.json.encode(revision(1, "deployed", RUN)))]) == []
