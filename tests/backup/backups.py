"""Backups for tests, and strategies for whatever may be in one."""

from typing import Any

from hypothesis import strategies as st

from resail.models.backup import Backup, BackupFacts, Marks
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import MeshObjects
from tests.plan.meshes import deployment, mesh

__all__ = ["NASTY", "TEXTS", "VALUES", "a_backup", "a_config_map", "a_secret", "a_service", "backups"]

NASTY = (
    *("y", "N", "yes", "NO", "on", "Off", "True", "null", "~", "", "=", "<<", ".inf", ".NaN", "-", "?", ":", "..", "."),
    *("1", "-1", "+1", "0x1F", "0o17", "017", "1_000", "1e3", "1.5E-7", "1:30", "1:30:15", "2020-01-01", "2020-01-01T00:00:00Z"),
    *(
        "a: b",
        "a:",
        "a #b",
        "#a",
        "- a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "[a",
        "{a}",
        "'a",
        '"a',
        "|",
        ">",
        "|-\n  a",
        "---",
        "...",
    ),
    *(
        "\n",
        "a\n",
        "a\n\n",
        "\na",
        " a\nb",
        "a\n b",
        "a\n \nb",
        "a\n\tb",
        "a\tb\nc",
        "a \nb ",
        "a\r\nb",
        "--- \n...\na",
        "a\n---\nb",
    ),
    *(
        " ",
        " a",
        "a ",
        "\t",
        "\x00",
        "\x7f",
        "\x85",
        "\xa0",
        "\u2028",
        "\u202ea",
        "\ufeffa",
        "\ufffe",
        "\ufffd",
        "\U0001f4a9",
        "ü",
    ),
    *("../../etc/passwd", "/etc/passwd", "C:\\a", "system:node:a/b", "k" * 1500, "a b " * 300, "ä" * 120),
)
"""What one dialect of YAML or another, or a path, takes for something else."""

TEXTS = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=30), st.text(alphabet=" \t\n-:#'\"|>a1\\{}[]&*!%@`.,~y\r\x85\u2028", max_size=12)
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
_NAMES = st.one_of(st.sampled_from(NASTY).filter(bool), st.text(min_size=1, max_size=30))


def a_config_map(name: str = "istio", namespace: str = "istio-system", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def a_secret(name: str = "istio-ca-secret", namespace: str = "istio-system", **data: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, "type": "Opaque"}


def a_service(name: str = "istiod", **labels: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "istio-system", "labels": labels},
        "spec": {"ports": [{"name": "https-dns", "port": 15012}], "selector": {"app": name}},
    }


def a_role(name: str) -> Manifest:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": []}


def a_backup(*objects: Manifest, marks: tuple[Marks, ...] | None = None, **facts: Any) -> Backup:
    """Of a small mesh; without objects of one's own it has one of each shape."""
    told: dict[str, Any] = {
        "cluster_id": "4b1d7e62-0000-4000-8000-000000000001",
        "kubernetes_version": "1.31.0",
        "istio_namespace": "istio-system",
        "istio_versions": ("1.26.0",),
        "has_secrets": False,
        "lacks": ("CA", "Helm state"),
    }
    namespace = Marks(ObjectRef("v1", "Namespace", "", "shop"), labels={"istio-injection": "enabled"})
    workload = Marks(ObjectRef("apps/v1", "Deployment", "shop", "cart"), template_labels={"istio.io/rev": "stable"})
    own = objects or (
        a_config_map(mesh="defaultConfig:\n  proxyMetadata: {}\n"),
        a_service(app="istiod"),
        a_role("istiod:istio-system"),
    )
    return Backup(
        facts=BackupFacts(**{**told, **facts}),
        objects=tuple(sorted(own, key=ObjectRef.of)),
        marks=tuple(sorted((namespace, workload) if marks is None else marks)),
        snapshot=mesh(deployment("cart")),
        evidence=MeshObjects.of([a_service(app="istiod")]),
    )


@st.composite
def backups(draw: st.DrawFn) -> Backup:
    """With names and values of all kinds."""
    named = st.tuples(st.sampled_from(["v1", "networking.istio.io/v1", "x/y"]), _NAMES, st.just("") | _NAMES, _NAMES)
    objects = [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            **more,
        }
        for (version, kind, namespace, name), more in draw(
            st.lists(st.tuples(named, st.dictionaries(st.sampled_from(["spec", "data", "no"]), VALUES)), max_size=4)
        )
    ]
    labels = st.dictionaries(TEXTS, TEXTS, max_size=3)
    refs = st.builds(ObjectRef, st.sampled_from(["v1", "apps/v1"]), _NAMES, st.just("") | _NAMES, _NAMES)
    marks = draw(st.lists(st.builds(Marks, refs, labels, labels, labels, labels), max_size=3))
    unique = {_place(ObjectRef.of(each)): each for each in objects}
    return a_backup(
        *(unique.values() or [a_role("a")]),
        marks=tuple({_place(each.ref): each for each in marks}.values()),
        unread=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
    )


def _place(ref: ObjectRef) -> tuple[str, ...]:
    """One object has one place, in whatever version of its group."""
    return (ref.api_version.rpartition("/")[0], ref.kind, ref.namespace, ref.name)
