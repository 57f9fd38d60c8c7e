"""What a person sees before saying yes, and afterwards."""

import io

import msgspec
from rich.console import Console, RenderableType

from resail.apps.cli.drawing.restoration import draw_restoration, draw_restored
from resail.backup.restoration import make_restoration
from resail.backup.writing import Result, left
from resail.models.backup import Marks
from resail.models.identity import Manifest, ObjectRef
from resail.operations.restore import RestoreReport
from tests.backup.small_backups import SYSTEM, backup_of, thing

SHOP = ObjectRef("v1", "Namespace", "", "shop")
SECRET = thing("v1", "Secret", "istio-ca-secret", SYSTEM, data={"ca-key.pem": "b2xk"})
CONFIG = thing("v1", "ConfigMap", "istio", SYSTEM, data={"mesh": "x"})
ROUTE = thing("networking.istio.io/v1", "VirtualService", "[bold]", "shop", spec={})
LEFT_OUT = ObjectRef("v1", "Secret", SYSTEM, "cacerts")


def seen(drawn: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(drawn)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def live() -> dict[ObjectRef, Manifest]:
    namespaces = [thing("v1", "Namespace", name) for name in (SYSTEM, "shop")]
    changed = {**SECRET, "data": {"ca-key.pem": "bmV3"}}
    leaving = {**CONFIG, "metadata": {**CONFIG["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    return {ObjectRef.of(one): one for one in (*namespaces, changed, leaving)}


BACKUP = backup_of([SECRET, CONFIG, ROUTE], [Marks(SHOP, labels={"istio-injection": "enabled"})], (LEFT_OUT,))
RESTORATION = make_restoration(BACKUP, live())


def test_each_write_is_shown_with_its_fields_and_no_value() -> None:
    text = seen(draw_restoration(BACKUP.facts, RESTORATION, overwrite=False))
    assert "+ shop/VirtualService/[bold]" in text
    assert "+ Namespace/shop (labels and annotations)\n      metadata.labels.istio-injection" in text
    assert "~ istio-system/Secret/istio-ca-secret: left: it was changed since the backup" in text
    assert "      data.ca-key.pem" in text
    assert "! istio-system/ConfigMap/istio: left: it is being deleted" in text
    assert "not sufficient to restore: CA" in text
    assert not any(value in text for value in ("b2xk", "bmV3"))
    assert "is overwritten" in seen(draw_restoration(BACKUP.facts, RESTORATION, overwrite=True))


def test_kinds_of_which_something_could_not_be_read_are_told() -> None:
    facts = msgspec.structs.replace(BACKUP.facts, unread={"Telemetry.telemetry.istio.io": "forbidden"})
    assert "Telemetry.telemetry.istio.io: forbidden" in seen(draw_restoration(facts, RESTORATION, overwrite=False))


def test_what_was_left_or_failed_is_told_with_its_reason() -> None:
    failed = Result(ObjectRef.of(ROUTE), "object", "failed", "the webhook says no")
    results = (failed, *left(RESTORATION.actions, overwrite=False))
    text = seen(draw_restored(RestoreReport(state="incomplete", facts=BACKUP.facts, unchanged=0, actions=(), results=results)))
    assert "shop/VirtualService/[bold]: failed: the webhook says no" in text
    assert "istio-system/Secret/istio-ca-secret: left: it was changed since the backup" in text
    assert "2 left, 1 failed" in text
