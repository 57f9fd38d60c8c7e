"""Ask the registries for the images of a plan, with the pull secrets that the cluster has for them."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from resail.checks.images import image_findings
from resail.cluster import ClusterReader, get_if_there
from resail.errors import ForbiddenError, UsageError
from resail.models.finding import Finding
from resail.models.identity import Manifest, ObjectRef
from resail.models.images import ImageAnswer, ImageLookup, ImageUse
from resail.registry.client import Registries
from resail.registry.credentials import Credential, credentials_for, entries_of
from resail.registry.reference import ImageReference, parse_reference

__all__ = ["check_images"]

_RANK = ("found", "missing", "limited", "failed", "unreached", "denied")
"""Which of several answers counts: a login that fits tells more than the lack of one, and what denies has not looked."""


async def check_images(
    uses: Sequence[ImageUse], architectures: Sequence[str], reader: ClusterReader, registries: Registries
) -> tuple[Finding, ...]:
    """Findings about the images.

    Args:
        uses: from ``images_of``.
        architectures: of the cluster's nodes.
        reader: to read pull secrets by; only those that are named, and no credential of them is kept.
        registries: whom to ask.

    Raises:
        ClusterUnreachableError: the API does not answer.
    """
    places: dict[tuple[str, str], list[ImageUse]] = defaultdict(list)
    for use in uses:
        places[use.image, use.user.namespace].append(use)
    checking = _Checking(reader, registries)
    lookups = await asyncio.gather(*(checking.look_up(image, where, using) for (image, where), using in places.items()))
    return image_findings(lookups, architectures)


class _Checking:
    """One check: each image is asked for once without a login, each object of the cluster read once."""

    def __init__(self, reader: ClusterReader, registries: Registries) -> None:
        self._reader = reader
        self._registries = registries
        self._turn = asyncio.Semaphore(8)
        self._anonymous: dict[str, asyncio.Task[ImageAnswer]] = {}
        self._objects: dict[ObjectRef, asyncio.Task[Manifest | None]] = {}

    async def look_up(self, image: str, namespace: str, uses: Sequence[ImageUse]) -> ImageLookup:
        users = tuple(sorted(use.user for use in uses))
        try:
            reference = parse_reference(image)
        except UsageError as error:
            return ImageLookup(image, namespace, users, ImageAnswer("missing", (), error.what), anonymous=False)
        if image not in self._anonymous:
            self._anonymous[image] = asyncio.ensure_future(self._registries.look_up(reference))
        answer = await self._anonymous[image]
        anonymous = answer.outcome == "found"
        names = {name for use in uses for name in use.secrets}
        if answer.outcome in ("denied", "missing"):
            for use in uses:
                names |= await self._own_secrets(use)
            answer = await self._with_secrets(reference, namespace, names, answer)
        lacking = [name for name in sorted(names) if await self._is_missing(namespace, name)]
        return ImageLookup(image, namespace, users, answer, anonymous=anonymous, lacking=tuple(lacking))

    async def _with_secrets(
        self, reference: ImageReference, namespace: str, names: set[str], without: ImageAnswer
    ) -> ImageAnswer:
        answers = [without]
        credentials, unread = await self._credentials(reference, namespace, names)
        for credential in credentials:
            answers.append(await self._registries.look_up(reference, credential))
            if answers[-1].outcome == "found":
                break
        if unread:
            # Who may not read a pull secret cannot say that an image is missing.
            told = f"{without.detail}, and the pull secret {namespace}/{unread[0]} may not be read"
            return next((one for one in answers if one.outcome == "found"), ImageAnswer("denied", (), told))
        tried = [one for one in answers[1:] if one.outcome != "denied"]
        return min(tried or answers, key=lambda one: _RANK.index(one.outcome))

    async def _credentials(
        self, reference: ImageReference, namespace: str, names: set[str]
    ) -> tuple[list[Credential], list[str]]:
        """Those that fit, and the secrets that may not be read."""
        found: list[Credential] = []
        unread: list[str] = []
        for name in sorted(names):
            try:
                secret = await self._read(_secret(namespace, name))
            except ForbiddenError:
                unread.append(name)
                continue
            found += credentials_for(reference, entries_of(secret or {}))
        return found, unread

    async def _own_secrets(self, use: ImageUse) -> set[str]:
        """Pull secrets that the workload as it is in the cluster, or else its account, names."""
        try:
            account = use.account
            named: list[dict[str, Any]] = []
            if not account:
                live = await self._read(use.user) or {}
                spec = ((live.get("spec") or {}).get("template") or {}).get("spec") or {}
                account, named = str(spec.get("serviceAccountName") or "default"), spec.get("imagePullSecrets") or []
            if not named:
                live = await self._read(ObjectRef("v1", "ServiceAccount", use.user.namespace, account)) or {}
                named = live.get("imagePullSecrets") or []
        except ForbiddenError:
            return set()
        return {str(one["name"]) for one in named if one.get("name")}

    async def _is_missing(self, namespace: str, name: str) -> bool:
        try:
            return await self._read(_secret(namespace, name)) is None
        except ForbiddenError:
            return False

    async def _read(self, ref: ObjectRef) -> Manifest | None:
        """The object, None where it is not there; kept for the time of this check only."""
        if ref not in self._objects:
            self._objects[ref] = asyncio.ensure_future(self._get(ref))
        return await self._objects[ref]

    async def _get(self, ref: ObjectRef) -> Manifest | None:
        async with self._turn:
            return await get_if_there(self._reader, ref)


def _secret(namespace: str, name: str) -> ObjectRef:
    return ObjectRef("v1", "Secret", namespace, name)
