"""What could be a secret is taken out; the rest stays as it is."""

import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resail.models.redaction import Redactor, redacted, redacted_text

PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOUR\nAoGAb3Zl\n-----END EC PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl-x_9"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUTJ\n-----END CERTIFICATE-----\n"

PLACES = {
    "a PEM key": ("{}", PEM),
    "a PEM key that is cut off": ("log: {}", PEM[:40]),
    "a token of a service account": ("got {} from the file", JWT),
    "a bearer token": ("curl -H 'Authorization: Bearer {}' https://istiod:15017", "c2hvcnQ"),
    "a login": ("authorization: Basic {}", "dXNlcjpwYXNz"),
    "a header in JSON": ('{{"headers": {{"Authorization": "Bearer {}"}}}}', "s3cr3t"),
    "a password in a URL": ("dial redis://cache:{}@redis:6379/0 failed", "hunter2"),
    "an AWS key": ("key {} is not valid", "AKIAIOSFODNN7EXAMPLE"),
    "a password in YAML": ("auth:\n  password: {}\n  user: resail\n", "correct horse"),
    "a quoted one": ("adminPassword: '{}'", "correct horse"),
    "a password on a command line": ("--set grafana.adminPassword={},x=y", "horse"),
    "a token in a query": ("GET /x?access_token={}&limit=3", "abcdef"),
    "a token in a sentence": ("rejected token: {}", "b7f0a1c2d3"),
    "a variable in YAML": ("env:\n- name: DB_KEYS\n  value: {}\n- name: A\n  value: b\n", "horse battery"),
    "a variable in JSON": ('[{{"name":"REDIS_PASSWORD","value":"{}"}}]', "hunter2"),
    "a variable in JSON in a sentence": ('refused: {{"name": "REDIS_PASSWORD", "value": "{}"}}', "hunter2"),
    "JSON in a string": ('patched "{{\\"clientSecret\\":\\"{}\\"}}" into it', "hunter2"),
    "several lines": ("tls:\n  privateKey: |\n    {}\n  other: 1\n", "line one of it"),
    "a login of a registry": ('{{"auths":{{"ghcr.io":{{"auth":"{}"}}}}}}', "dXNlcjpodW50ZXIy"),
    "a Secret in YAML": ("kind: Secret\nmetadata:\n  name: a\ndata:\n  a: {}\ntype: Opaque\n---\nkind: Other\n", "aHVudA=="),
    "a Secret that was applied": ('{{"kind":"Secret","data":{{"a":"{}"}}}}', "aHVudA=="),
    "a key in base64": ("config: {}", base64.b64encode(PEM.encode()).decode()),
}

SURROUNDINGS = st.text(st.characters(codec="utf-8", exclude_characters="\"'\\@"), max_size=40).map(lambda text: f"\n{text}\n")
SECRETS = st.text("abcdefXYZ234-_", min_size=8, max_size=40).filter(lambda text: any(one.isdigit() for one in text[1:-1]))


@pytest.mark.parametrize("name", PLACES)
def test_a_secret_is_taken_out(name: str) -> None:
    place, secret = PLACES[name]
    text = place.format(secret)
    assert secret in text
    told = redacted_text(text)
    assert secret not in told and "(redacted, " in told
    assert redacted_text(told) == told, "done twice it changes nothing more"


@pytest.mark.parametrize("name", PLACES)
def test_what_is_around_it_stays(name: str) -> None:
    place, secret = PLACES[name]
    text = _without_spaces(place.format(secret))
    before, _, rest = _without_spaces(redacted_text(place.format(secret))).partition("(redacted,")
    _, _, after = rest.partition("characters)")
    assert text.startswith(before) and text.endswith(after)
    assert len(text) - len(before) - len(after) <= len(secret) + len("Bearer")


def _without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-26T03:05:00Z\tinfo\tklog\tFailed to watch *v1.Secret: secrets is forbidden: User cannot list resource",
        "error: invalid token: expired",
        "cannot read the secret: istio-ca-secret",
        'Readiness probe failed: Get "http://10.4.0.9:8080/ready": dial tcp 10.4.0.9:8080: connect: connection refused',
        "https://istio-sidecar-injector.istio-system.svc:443/inject?timeout=10s",
        "secretName: istio-ca-root\nkey: node-role.kubernetes.io/control-plane\ntopologyKey: kubernetes.io/hostname\n",
        "PILOT_CERT_TTL: 24h0m0s\nautomountServiceAccountToken: false\nexpirationSeconds: 43200",
        "the authorization policy deny-all denies bearer of no token",
        "pulling docker.io/istio/proxyv2@sha256:0f1b9a2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8",
        CERTIFICATE,
        base64.b64encode(CERTIFICATE.encode()).decode(),
        "(redacted, 12 characters)",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted_text(text) == text


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "reviews", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": ""}},
    "spec": {
        "template": {
            "spec": {
                "automountServiceAccountToken": True,
                "imagePullSecrets": [{"name": "registry-login"}],
                "containers": [
                    {
                        "name": "reviews",
                        "env": [
                            {"name": "DB_PASSWORD", "value": "hunter2"},
                            {"name": "PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", "value": "20m0s"},
                            {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                        ],
                    }
                ],
                "volumes": [{"name": "tls", "secret": {"secretName": "reviews-tls", "defaultMode": 420}}],
                "tolerations": [{"key": "node-role.kubernetes.io/infra", "operator": "Exists"}],
            }
        }
    },
}


def test_of_an_object_the_variables_with_secrets_go_and_the_references_stay() -> None:
    told = redacted(DEPLOYMENT)
    (container,) = told["spec"]["template"]["spec"]["containers"]
    assert container["env"][0]["value"] == "(redacted, 7 characters)"
    container["env"][0]["value"] = "hunter2"
    assert told == DEPLOYMENT


def test_what_was_applied_is_looked_into() -> None:
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    applied = {"metadata": {"annotations": {annotation: json.dumps(DEPLOYMENT)}}}
    told = redacted(applied)["metadata"]["annotations"][annotation]
    assert json.loads(told) == redacted(DEPLOYMENT)


def test_of_a_secret_all_values_go() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {"name": "a", "annotations": {"last": '{"kind":"Secret","stringData":{"on":"true"}}'}},
        "data": {"on": "dHJ1ZQ==", "size": "(12 characters)", "raw": "/w8A/w=="},
        "stringData": {"b": "c"},
    }
    told = redacted(secret)
    assert told["data"] == {"on": "(redacted, 4 characters)", "size": "(12 characters)", "raw": "(redacted, 8 characters)"}
    assert told["stringData"] == {"b": "(redacted, 1 characters)"}
    assert "true" not in told["metadata"]["annotations"]["last"]
    assert redacted(told) == told


def test_of_chart_values_those_go_that_are_called_so() -> None:
    values = {"adminPassword": "horse", "password": 123456789, "apiKey": "k", "tokens": ["a-b"], "REDIS_KEY": "k"}
    assert all("(redacted, " in str(value) for value in redacted(values).values())


def test_what_tells_where_a_secret_is_stays() -> None:
    values: dict[str, Any] = {"global": {"imagePullSecrets": ["login"], "jwtPolicy": "third-party-jwt"}, "credentialName": "tls"}
    values |= {"tokenExpirationSeconds": 3600, "passwordFile": "/etc/x", "existingSecret": "db", "secret": True, "keys": ["a"]}
    assert redacted(values) == values


@given(SURROUNDINGS, SECRETS, SURROUNDINGS, st.sampled_from([name for name in PLACES if "base64" not in name]))
def test_a_planted_secret_never_survives(before: str, secret: str, after: str, name: str) -> None:
    assume(secret not in before + after)
    place, example = PLACES[name]
    if any(mark in name for mark in ("PEM", "AWS", "registry", "service account")):
        secret = example
    text = f"{before if not place.startswith(('{', '[')) else ''}{place.format(secret)}"
    text += after if text.startswith("\n") else ""
    told = redacted_text(text)
    assert secret not in told
    assert redacted_text(told) == told


@given(SECRETS, SURROUNDINGS, SURROUNDINGS)
def test_a_known_value_never_survives(secret: str, before: str, after: str) -> None:
    assume(secret not in before + after)
    redactor = Redactor([f"first\n  user: {secret}{secret}\n".encode(), secret.encode()])
    for written in (secret, base64.b64encode(secret.encode()).decode(), base64.b64encode(f"x{secret}".encode() * 3).decode()):
        told = redactor.text(f"{before}{written}{after}")
        assert secret not in told and written not in told
        assert redactor.text(told) == told


def test_words_and_certificates_are_left_whatever_holds_them() -> None:
    redactor = Redactor([b"istio-system", b"default", b"true", CERTIFICATE.encode(), b"kind: Config\ncurrent: a-b\n"])
    text = f"istio-system default true {CERTIFICATE} Config"
    assert redactor.text(text) == text


def test_a_binary_value_is_found_in_base64() -> None:
    store = bytes(range(200, 256))
    written = base64.b64encode(store).decode()
    assert written not in Redactor([store]).text(f"keystore {written}.")


NAMES = st.sampled_from(["password", "data", "kind", "name", "value"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | NAMES, inner),
    max_leaves=20,
)


@given(JSON)
def test_it_takes_whatever_json_can_hold(value: Any) -> None:
    told = redacted(value)
    assert redacted(told) == told
