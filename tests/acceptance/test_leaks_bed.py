"""A whole upgrade of a mesh full of Secrets, with every report of it: none of their values is in what it leaves behind."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resail.testbed.bed import Bed
from resail.testbed.binaries import ensure
from tests.acceptance.conftest import Done, Resail
from tests.acceptance.leaks import Search

pytestmark = pytest.mark.bed

KEY = "\n".join(
    (
        "-----BEGIN RSA PRIVATE KEY-----",
        *(f"Pr1vateL1ne{n}ofAKeyThatIsNoneQ7x{n}Zk" for n in range(3)),
        "-----END RSA PRIVATE KEY-----",
    )
)
LOGIN = {
    "auths": {
        "registry.example.com": {
            "username": "puller",
            "password": "Pu11-9a7d5f3c1e-registry",
            "auth": "cHVsbGVyOlB1MTEtOWE3ZDVmM2MxZQ==",
        }
    }
}
REMOTE = "apiVersion: v1\nkind: Config\nusers:\n- name: remote\n  user:\n    token: R3mote-4f6a8c0e2b-token\n"
PLANTED: dict[tuple[str, str, str], dict[str, str]] = {
    ("edge", "edge-certificate", "kubernetes.io/tls"): {"tls.crt": "not planted", "tls.key": KEY},
    ("istio-system", "registry-login", "kubernetes.io/dockerconfigjson"): {".dockerconfigjson": json.dumps(LOGIN)},
    ("bookshop", "database", "Opaque"): {
        "password": "Pa55word-1b3d5f7a9c-of-the-shop",
        "url": "redis://shop:Cach3-0a2c4e6b8d@redis:6379/0",
    },
    ("bookshop", "istio-remote-secret-b", "Opaque"): {"b": REMOTE},
    # Of a namespace that no istiod signs from: it is read for its name all the same.
    ("bookshop", "cacerts", "Opaque"): {"ca-key.pem": KEY.replace("Pr1vate", "Auth0r1ty"), "root-cert.pem": "not planted"},
    ("bookshop", "signer", "Opaque"): {"pfx": "K3ystore-6c8e0a2d4f-in-base64"},
}


def test_no_value_of_a_secret_is_left_anywhere(resail: Resail, tmp_path: Path) -> None:
    search = Search(planted(resail))
    left = tmp_path / "left"
    resail.state = left / "state"
    resail.plan = left / "plan.zip"
    (left / "out").mkdir(parents=True)

    def run(*arguments: str | Path, code: int = 0) -> Done:
        done = resail(*arguments, "-v", code=code)
        number = len(list((left / "out").iterdir()))
        (left / "out" / f"{number:02}-{arguments[0]}").write_text(f"{done.output}\n{done.errors}")
        return done

    state = ("--dir", resail.state)
    run("inspect", "-o", "json")
    run("precheck", "--to", "1.26.0", "-o", "json")
    # So that the run stops half-way, and has its copy in the cluster.
    run("plan", "--to", "1.26.0", "--out", resail.plan, "--approve-restarts")
    run("show", resail.plan, "-o", "json")
    run("rehearse", resail.plan, "-o", "json")
    halted = run("apply", resail.plan, *state, "-o", "json", code=5).json
    (left / "copy.json").write_text(json.dumps(copies(resail.bed)))
    run("doctor", *state, "--bundle", left / "half-way.zip", "-o", "json")
    run("resume", *state, "--approve", waiting(halted), "-o", "json")
    for form in ("html", "md", "json"):
        run("report", *state, "-o", form)
    run("status", *state, "-o", "json")
    run("backup", "--out", left / "backup.tar.gz", "-o", "json")
    run("doctor", *state, "--bundle", left / "bundle.zip")

    assert (left / "copy.json").stat().st_size > 1000 and (left / "bundle.zip").stat().st_size > 1000
    assert search.data(json.dumps(secrets(resail.bed)).encode(), "the cluster"), "the search finds what is there"
    assert search.directory(left) == []


def planted(resail: Resail) -> dict[str, bytes]:
    """Secrets as people make them, with kubectl; and istiod's own key."""
    items: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": kind,
            "metadata": {"name": name, "namespace": namespace},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
        }
        for (namespace, name, kind), values in PLANTED.items()
    ]
    kubectl(resail, {"apiVersion": "v1", "kind": "List", "items": items}, "apply", "-f", "-")
    held = {f"{name} {key}": value.encode() for (_, name, _), values in PLANTED.items() for key, value in values.items()}
    own = resail.bed.api("GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret").json()["data"]["ca-key.pem"]
    helm = [one for one in secrets(resail.bed) if one["type"] == "helm.sh/release.v1"]
    releases = {one["metadata"]["name"]: base64.b64decode(one["data"]["release"])[:2000] for one in helm}
    return {
        **{name: value for name, value in held.items() if value != b"not planted"},
        "istio-ca-secret ca-key.pem": base64.b64decode(own),
        # As Helm writes it; what it tells of the release, but for Secrets, is what a plan is made of.
        **releases,
    }


def secrets(bed: Bed) -> list[dict[str, Any]]:
    return list(bed.api("GET", "/api/v1/secrets").json()["items"])


def copies(bed: Bed) -> list[dict[str, Any]]:
    """Of journals and plans, in the cluster."""
    found = bed.api("GET", "/api/v1/namespaces/istio-system/configmaps?labelSelector=resail.dev/run").json()["items"]
    assert found
    return list(found)


def waiting(record: Any) -> str:
    return str(next(step["id"] for step in record["steps"] if step["kind"] == "Approve" and step["outcome"] != "done"))


def kubectl(resail: Resail, given: Any, *arguments: str) -> None:
    program, kubeconfig = ensure(("kubectl",), print)["kubectl"], resail.bed.kubeconfig_of("deployer")
    command: list[str | Path] = [program, "--kubeconfig", kubeconfig, *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True, input=json.dumps(given) if given else None)
