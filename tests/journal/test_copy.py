"""The cluster's copy of a journal: whatever is cut off, lost or damaged, what is read back is its beginning or an error."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resail.errors import ArtifactError, ForbiddenError, HaltedError, LeaseLostError, ResailError
from resail.journal.cluster_copy import KEPT, ClusterCopy, begin_copy, prune
from resail.journal.copy import JournalCopy, NoCopy
from resail.journal.copy_format import FORMAT, CopiedRun, Head, Log, read_copies, read_plan_archive
from resail.journal.lease import Lease, ask_holder
from resail.journal.reconcile import reconcile
from resail.journal.sqlite import SqliteJournal, open_journal
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.journal import CallIntent, Entry, EntryBody, Progress, RunFinished, RunStarted
from resail.twin.cluster import TwinCluster
from tests.journal.cluster import NAMESPACE, Faltering, a_cluster, a_tenure, simulated
from tests.journal.test_sqlite import BODIES

CONFIG_MAP = KindRef("v1", "ConfigMap")
STARTED = RunStarted("sha256:1", "/plan.zip", "cluster")
ARCHIVE = bytes(range(256)) * 40
RUN = "r-1"


def in_memory() -> SqliteJournal:
    return open_journal(Path(":memory:"))


class Bench:
    """A run, its journal and its copy, each write to which goes as is foretold."""

    def __init__(self, twin: TwinCluster, fates: str = "") -> None:
        self.twin = twin
        self.cluster = Faltering(twin, fates)
        self.tenure = a_tenure()
        self.journal = in_memory()
        self.journal.append(RUN, STARTED)

    async def begin(self) -> ClusterCopy:
        copied = await begin_copy(self.cluster, NAMESPACE, RUN, "sha256:1", ARCHIVE, self.journal.entries(RUN), 1)
        return self.take_up(copied)

    def take_up(self, copied: CopiedRun) -> ClusterCopy:
        lease = Lease(self.cluster, NAMESPACE, self.tenure)
        return ClusterCopy(self.cluster, NAMESPACE, lease, self.tenure, self.journal, copied)


BIG = st.builds(Progress, st.just("01"), st.sampled_from([50_000, 140_000]).map(lambda size: "x" * size))
TURNS = st.lists(st.lists(BODIES | BIG, max_size=4), max_size=6)


@settings(max_examples=25)
@given(TURNS)
def test_what_was_settled_is_read_back(turns: list[list[EntryBody]]) -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin)
            copy = await bench.begin()
            for bodies in turns:
                for body in bodies:
                    bench.journal.append(RUN, body)
                await copy.settle()
                (copied,) = await read_copies(twin, NAMESPACE)
                assert list(copied.entries) == bench.journal.entries(RUN)
            (copied,) = await read_copies(twin, NAMESPACE)
            assert await read_plan_archive(twin, NAMESPACE, copied.head) == ARCHIVE

    simulated(story)


@settings(max_examples=100)
@given(TURNS, st.text("....nl", max_size=25), st.booleans())
def test_any_cut_leaves_a_beginning_or_nothing(turns: list[list[EntryBody]], fates: str, cut: bool) -> None:
    """Answers are lost and requests too, and at some write the process, or its way to the API, is gone."""

    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin, fates + "x" * cut)
            settled: list[Entry] | None = None
            with contextlib.suppress(ResailError):
                copy = await bench.begin()
                settled = bench.journal.entries(RUN)
                for bodies in turns:
                    for body in bodies:
                        bench.journal.append(RUN, body)
                    await copy.settle()
                    settled = bench.journal.entries(RUN)
            written = bench.journal.entries(RUN)
            copies = await read_copies(twin, NAMESPACE)
            if not copies:
                assert settled is None
                return
            found = list(copies[0].entries)
            assert found == written[: len(found)]
            # What a settle was told of is there, whatever came after: the act follows only then.
            assert settled is None or found[: len(settled)] == settled
            # Whoever takes it up can go on.
            bench.cluster = Faltering(twin, "")
            reconcile(bench.journal, copies, NAMESPACE, Path("/nowhere"))
            bench.journal.append(RUN, RunFinished("done"))
            await bench.take_up(copies[0]).settle()
            assert list((await read_copies(twin, NAMESPACE))[0].entries) == bench.journal.entries(RUN)

    def in_memory_only(*_: Any) -> None:
        """Nothing is kept aside of a journal that is in no file."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteJournal, "write_aside", in_memory_only)
        simulated(story)


@settings(max_examples=100)
@given(st.data())
def test_whatever_is_damaged_is_the_journal_its_beginning_or_an_error(data: st.DataObject) -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin)
            copy = await bench.begin()
            for number in range(6):
                bench.journal.append(RUN, Progress("01", "x" * 44_000, number))
                await copy.settle()
            await damage(twin, data)
            try:
                copies = await read_copies(twin, NAMESPACE)
                archive = await read_plan_archive(twin, NAMESPACE, copies[0].head) if copies else ARCHIVE
            except ArtifactError as error:
                assert RUN in str(error)
                assert error.next_step
                return
            assert archive == ARCHIVE
            for copied in copies:
                assert list(copied.entries) == bench.journal.entries(RUN)[: len(copied.entries)]

    simulated(story)


async def damage(twin: TwinCluster, data: st.DataObject) -> None:
    """As a person or a broken backup does it: a ConfigMap is gone, a key of it is, or a byte is another."""
    objects = await twin.list_objects(CONFIG_MAP, namespace=NAMESPACE, labels="resail.dev/run")
    victim = data.draw(st.sampled_from(objects))
    how = data.draw(st.sampled_from(["gone", "key", "byte"]))
    await twin.delete(ObjectRef.of(victim))
    if how == "gone":
        return
    field = "binaryData" if "binaryData" in victim else "data"
    key = data.draw(st.sampled_from(sorted(victim[field])))
    if how == "key":
        del victim[field][key]
    else:
        content = bytearray(base64.b64decode(victim[field][key]) if field == "binaryData" else victim[field][key].encode())
        place = data.draw(st.integers(0, min(len(content) - 1, 200)))
        content[place] = (content[place] + data.draw(st.integers(1, 90))) % 128
        victim[field][key] = base64.b64encode(content).decode() if field == "binaryData" else content.decode(errors="replace")
    metadata = {name: victim["metadata"][name] for name in ("name", "namespace", "labels")}
    await twin.create({**victim, "metadata": metadata})


def test_the_intent_is_there_before_the_answer() -> None:
    """An act that follows ``settle`` has its intent in the cluster, though no other entry was settled before it."""

    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin, "....l")
            copy = await bench.begin()
            bench.journal.append(RUN, CallIntent(1, "01", "patch", "Namespace/shop"))
            await copy.settle()
            assert (await read_copies(twin, NAMESPACE))[0].entries[-1].body == CallIntent(1, "01", "patch", "Namespace/shop")

    simulated(story)


def test_two_that_write_one_journal_find_each_other_out() -> None:
    """Whose lease went without its knowing writes nothing into what another one has begun to write, so it does nothing either."""

    async def story() -> None:
        async with a_cluster() as twin:
            old, new = Bench(twin), Bench(twin)
            stale = await old.begin()
            (copied,) = await read_copies(twin, NAMESPACE)
            reconcile(new.journal, (copied,), NAMESPACE, Path("/nowhere"))
            taken = new.take_up(copied)
            new.journal.append(RUN, Progress("01", "of the new one"))
            await taken.settle()
            old.journal.append(RUN, CallIntent(1, "01", "patch", "Namespace/shop"))
            with pytest.raises(LeaseLostError, match="another process"):
                await stale.settle()
            with pytest.raises(LeaseLostError):
                old.tenure.check()
            assert list((await read_copies(twin, NAMESPACE))[0].entries) == new.journal.entries(RUN)

    simulated(story)


def test_two_that_begin_a_log_find_each_other_out() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            old, new = Bench(twin), Bench(twin)
            stale = await old.begin()
            old.journal.append(RUN, Progress("01", "x" * 130_000))
            await stale.settle()
            (copied,) = await read_copies(twin, NAMESPACE)
            reconcile(new.journal, (copied,), NAMESPACE, Path("/nowhere"))
            new.journal.append(RUN, Progress("01", "of the new one"))
            await new.take_up(copied).settle()
            old.journal.append(RUN, Progress("01", "of the old one"))
            with pytest.raises(LeaseLostError):
                await stale.settle()

    simulated(story)


def test_a_copy_that_cannot_be_written_halts() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin)
            copy = await bench.begin()
            await twin.delete(ObjectRef("v1", "ConfigMap", NAMESPACE, f"resail-{RUN}-log-0"))
            bench.journal.append(RUN, Progress("01", "lost"))
            with pytest.raises(HaltedError) as caught:
                await copy.settle()
            assert not isinstance(caught.value, LeaseLostError)

    simulated(story)


def test_what_may_not_be_written_is_told_as_it_is() -> None:
    class Forbidden(Faltering):
        async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
            raise ForbiddenError("may not create configmaps", status=403)

    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin)
            bench.cluster = Forbidden(twin, "")
            with pytest.raises(ForbiddenError):
                await bench.begin()
            assert await read_copies(twin, NAMESPACE) == ()

    simulated(story)


def test_a_later_format_is_not_guessed_at() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            await Bench(twin).begin()
            ref = ObjectRef("v1", "ConfigMap", NAMESPACE, f"resail-{RUN}")
            head = await twin.get(ref)
            await twin.delete(ref)
            text = head["data"]["head.json"].replace('"format_version":1', '"format_version":2')
            metadata = {name: head["metadata"][name] for name in ("name", "namespace", "labels")}
            await twin.create({**head, "metadata": metadata, "data": {"head.json": text}})
            with pytest.raises(ArtifactError, match="format 2"):
                await read_copies(twin, NAMESPACE)

    simulated(story)


@pytest.mark.parametrize("cut", range(6))
def test_old_runs_go_and_unfinished_ones_stay(cut: int) -> None:
    """However far the removal came, it leaves whole copies, and the next one completes it."""

    async def story() -> None:
        async with a_cluster() as twin:
            journal = in_memory()
            names = [f"r-{number}" for number in range(1, KEPT + 2)]
            for number, run in enumerate(names, 1):
                entries = [journal.append(run, STARTED), journal.append(run, RunFinished("done"))]
                await begin_copy(twin, NAMESPACE, run, "sha256:1", ARCHIVE, entries, number)
            copies = await read_copies(twin, NAMESPACE)
            assert [each.head.run for each in copies] == names
            with contextlib.suppress(ResailError):
                await prune(Faltering(twin, "." * cut + "x"), NAMESPACE, names[1:], copies)
            left = await read_copies(twin, NAMESPACE)
            await prune(twin, NAMESPACE, names[1:], left)
            assert [each.head.run for each in await read_copies(twin, NAMESPACE)] == ["r-1", *names[3:]]
            objects = await twin.list_objects(CONFIG_MAP, namespace=NAMESPACE, labels="resail.dev/run")
            assert {each["metadata"]["labels"]["resail.dev/run"] for each in objects} == {"r-1", *names[3:]}

    simulated(story)


# --- this machine's journal and the cluster's ---


@settings(max_examples=60)
@given(
    local=st.dictionaries(st.sampled_from(["r-1", "r-2", "r-3", "r-4"]), st.lists(BODIES, max_size=4), max_size=3),
    copied=st.dictionaries(st.sampled_from(["r-1", "r-2", "r-3"]), st.lists(BODIES, max_size=4), max_size=3),
    common=st.integers(0, 4),
)
def test_the_clusters_word_counts(
    local: dict[str, list[EntryBody]],
    copied: dict[str, list[EntryBody]],
    common: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("reconciled")
    elsewhere, here = in_memory(), open_journal(place / "journal.db")
    for run, bodies in copied.items():
        for body in (STARTED, *bodies):
            elsewhere.append(run, body)
    wanted = {run: elsewhere.entries(run) for run in copied}
    for run, bodies in local.items():
        shared = wanted.get(run, [])[:common]
        if shared:
            here.adopt({run: shared})
        for body in (() if shared else (STARTED,)) + tuple(bodies):
            here.append(run, body)
    before = {run: here.entries(run) for run in local}
    order = [run.id for run in here.runs()]

    runs = [copied_run(run, number, wanted[run]) for number, run in enumerate(copied, 1)]
    others = reconcile(here, runs, "mesh", place / "aside.db")

    assert [run.id for run in here.runs()] == [run for run in order if run not in copied] + list(copied)
    for run, entries in (before | wanted).items():
        assert here.entries(run) == entries
    assert set(others) == {run for run in before.keys() & wanted if before[run] != wanted[run][: len(before[run])]}
    if others:
        aside = open_journal(place / "aside.db")
        assert {run: aside.entries(run) for run in before} == before
    assert all(here.copied_to(run) == "mesh" for run in copied)
    assert all(here.copied_to(run) is None for run in local.keys() - copied)
    here.close()


def copied_run(run: str, number: int, entries: list[Entry]) -> CopiedRun:
    return CopiedRun(Head(FORMAT, run, number, "sha256:1", "", 0), tuple(entries), Log(0, {}, "1"))


# --- what the engine may rely on, with a copy and without ---


@pytest.fixture(params=["none", "cluster"])
def with_copy(request: pytest.FixtureRequest) -> Callable[[Callable[[JournalCopy, SqliteJournal], Awaitable[None]]], None]:
    def on(story: Callable[[JournalCopy, SqliteJournal], Awaitable[None]]) -> None:
        async def on_a_cluster() -> None:
            async with a_cluster() as twin:
                bench = Bench(twin)
                lease = Lease(twin, NAMESPACE, bench.tenure)
                async with lease.held(lambda _: None):
                    copied = await begin_copy(twin, NAMESPACE, RUN, "sha256:1", ARCHIVE, bench.journal.entries(RUN), 1)
                    copy = ClusterCopy(twin, NAMESPACE, lease, bench.tenure, bench.journal, copied)
                    await story(copy if request.param == "cluster" else NoCopy(), bench.journal)

        simulated(on_a_cluster)

    return on


def test_settling_changes_nothing_of_the_journal(with_copy: Callable[..., None]) -> None:
    async def story(copy: JournalCopy, journal: SqliteJournal) -> None:
        entries = [*journal.entries(RUN), journal.append(RUN, Progress("01", "x"))]
        await asyncio.gather(copy.settle(), copy.settle())
        assert journal.entries(RUN) == entries

    with_copy(story)


def test_nothing_is_requested_that_nobody_asked_for(with_copy: Callable[..., None]) -> None:
    async def story(copy: JournalCopy, journal: SqliteJournal) -> None:
        assert await copy.requested() is None
        await copy.clear_request()
        assert await copy.requested() is None

    with_copy(story)


def test_a_request_comes_by_the_lease() -> None:
    async def story() -> None:
        async with a_cluster() as twin:
            bench = Bench(twin)
            lease = Lease(twin, NAMESPACE, bench.tenure)
            async with lease.held(lambda _: None):
                copied = await begin_copy(twin, NAMESPACE, RUN, "sha256:1", ARCHIVE, bench.journal.entries(RUN), 1)
                copy = ClusterCopy(twin, NAMESPACE, lease, bench.tenure, bench.journal, copied)
                await ask_holder(twin, NAMESPACE, RUN, "abort")
                assert await copy.requested() == "abort"
                await copy.clear_request()
                assert await copy.requested() is None

    simulated(story)
