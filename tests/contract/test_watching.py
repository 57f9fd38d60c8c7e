"""A watch tells what is there, that it was all, and what changes."""

import asyncio
from collections.abc import AsyncIterator

from resail.cluster import WatchEvent
from resail.models.identity import KindRef
from tests.contract.site import CONFIG_MAP, Site, config_map, opened


async def take(events: AsyncIterator[WatchEvent], count: int) -> list[tuple[str, str]]:
    """Type and name; the one that each namespace has by itself left out."""
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            event = await anext(events)
            name = event.object.get("metadata", {}).get("name", "")
            if name != "kube-root-ca.crt":
                found.append((event.type, name))
    return found


async def test_what_is_there_then_synced_then_changes_in_their_order(site: Site) -> None:
    await site.cluster.create(config_map(site, "a"))
    await site.cluster.create(config_map(site, "b"))
    async with opened(site.cluster.watch(CONFIG_MAP, namespace=site.namespace)) as events:
        assert await take(events, 3) == [("ADDED", "a"), ("ADDED", "b"), ("SYNCED", "")]
        await site.cluster.create(config_map(site, "c"))
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "1"}})
        await site.cluster.delete(site.ref(CONFIG_MAP, "b"))
        assert await take(events, 3) == [("ADDED", "c"), ("MODIFIED", "a"), ("DELETED", "b")]


async def test_nothing_is_there(site: Site) -> None:
    async with opened(site.cluster.watch(KindRef("v1", "Secret"), namespace=site.namespace)) as events:
        assert await take(events, 1) == [("SYNCED", "")]


async def test_objects_are_whole(site: Site) -> None:
    created = await site.cluster.create(config_map(site, "a", {"key": "\u0085"}, watched="yes"))
    async with opened(site.cluster.watch(CONFIG_MAP, namespace=site.namespace, labels="watched=yes")) as events:
        first = await anext(events)
        assert (first.type, first.object) == ("ADDED", created)
        assert (await anext(events)).type == "SYNCED"
        patched = await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"data": {"key": "one\u0085two"}})
        second = await anext(events)
        assert (second.type, second.object) == ("MODIFIED", patched)


async def test_other_namespaces_are_not_told_of(site: Site) -> None:
    async with opened(site.cluster.watch(CONFIG_MAP, namespace=site.namespace)) as events:
        assert await take(events, 1) == [("SYNCED", "")]
        elsewhere = config_map(site, f"of-{site.namespace}")
        elsewhere["metadata"]["namespace"] = "default"
        await site.cluster.create(elsewhere)
        await site.cluster.create(config_map(site, "here"))
        assert await take(events, 1) == [("ADDED", "here")]


async def test_what_loses_the_label_is_gone_for_the_watch(site: Site) -> None:
    await site.cluster.create(config_map(site, "a", shelf="left"))
    async with opened(site.cluster.watch(CONFIG_MAP, namespace=site.namespace, labels="shelf=left")) as events:
        assert await take(events, 2) == [("ADDED", "a"), ("SYNCED", "")]
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"labels": {"shelf": "right"}}})
        assert await take(events, 1) == [("DELETED", "a")]
        await site.cluster.patch(site.ref(CONFIG_MAP, "a"), {"metadata": {"labels": {"shelf": "left"}}})
        assert await take(events, 1) == [("ADDED", "a")]


async def test_all_namespaces(site: Site) -> None:
    async with opened(site.cluster.watch(CONFIG_MAP, labels=f"test={site.namespace}")) as events:
        assert await take(events, 1) == [("SYNCED", "")]
        await site.cluster.create(config_map(site, "a", test=site.namespace))
        assert await take(events, 1) == [("ADDED", "a")]


async def test_cluster_scoped_objects(site: Site) -> None:
    async with opened(site.cluster.watch(KindRef("v1", "Namespace"), labels=f"test={site.namespace}")) as events:
        assert await take(events, 1) == [("SYNCED", "")]
        name = f"{site.namespace}-too"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"test": site.namespace}}}
        await site.cluster.create(manifest)
        assert await take(events, 1) == [("ADDED", name)]


async def test_two_readers_each_see_all(site: Site) -> None:
    watch = site.cluster.watch
    async with (
        opened(watch(CONFIG_MAP, namespace=site.namespace)) as one,
        opened(watch(CONFIG_MAP, namespace=site.namespace)) as other,
    ):
        assert await take(one, 1) == await take(other, 1) == [("SYNCED", "")]
        await site.cluster.create(config_map(site, "a"))
        assert await take(one, 1) == await take(other, 1) == [("ADDED", "a")]
