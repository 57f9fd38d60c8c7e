"""Images that a plan has nodes pull, and what their registries say of them."""

from typing import Literal

import msgspec

from resail.models.identity import ObjectRef

__all__ = ["ImageAnswer", "ImageLookup", "ImageUse", "Outcome"]

Outcome = Literal["found", "missing", "denied", "limited", "failed", "unreached"]


class ImageUse(msgspec.Struct, frozen=True, order=True):
    """One image, and who pulls it in which namespace."""

    image: str
    """As a pod names it."""
    user: ObjectRef
    """The workload whose pods have it."""
    secrets: tuple[str, ...] = ()
    """``imagePullSecrets`` that the plan gives its pods, by name."""
    account: str = ""
    """ServiceAccount, whose own pull secrets count where its pods name none; empty: as the workload in the cluster has it."""


class ImageAnswer(msgspec.Struct, frozen=True):
    """What a registry says of one image."""

    outcome: Outcome
    """``missing``: 404; ``denied``: 401, 403; ``limited``: 429; ``failed``: 5xx, or makes no sense; ``unreached``: no answer."""
    architectures: tuple[str, ...] = ()
    """Of Linux, as Go names them: ``amd64``, ``arm64``; sorted."""
    detail: str = ""
    """In words, where it is not found."""


class ImageLookup(msgspec.Struct, frozen=True):
    """What is known of an image in one namespace."""

    image: str
    namespace: str
    users: tuple[ObjectRef, ...]
    answer: ImageAnswer
    """The best, of asking without credentials and with those of the namespace's pull secrets."""
    anonymous: bool
    """It was found without credentials."""
    lacking: tuple[str, ...] = ()
    """Pull secrets that its pods name and that are not there."""
