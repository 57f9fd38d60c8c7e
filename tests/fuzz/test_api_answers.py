"""What an API server, or whatever stands before it, may answer: no command falls over it, and none writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import strategies as st

from resail.backup.file import read_backup
from tests.fuzz.api import MeshApi, serving_mesh
from tests.fuzz.mutations import spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below
from tests.kube.peer import Answer, Request

DONE, BLOCKED, UNREACHABLE, BROKEN = 0, 3, 8, 9


BODIES = [
    b"",
    b" ",
    b"null",
    b"true",
    b"5",
    b"[]",
    b"{}",
    b'"text"',
    b"<html><body>Sign in</body></html>",
    b"\xff\xfe\x00",
    b'{"a": "\xed\xa0\x80"}',
    b"[" * 100_000,
    b'{"items": ' + b"9" * 10_000 + b"}",
    b'{"items": null, "metadata": null}',
    b'{"items": [null]}',
    b'{"items": [{}]}',
    b'{"items": [{"metadata": null}]}',
    b'{"metadata": {}}',
    b'{"metadata": {"uid": "../../../elsewhere", "name": "kube-system"}}',
    b'{"metadata": {"continue": "again and again"}, "items": []}',
    b'{"gitVersion": null}',
    b'{"kind": "Status", "code": "none", "message": null, "details": {"causes": [null]}}',
]
CODES = [200, 200, 200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 501, 502, 503, 504]
HEADERS: list[dict[str, str]] = [
    {},
    {"Content-Type": "text/html; charset=nonsense"},
    {"Content-Encoding": "gzip"},
    {"Location": "http://127.0.0.1:1/login"},
    *({"Retry-After": value} for value in ("0", "-1", "nan", "1e99", "Wed, 21 Oct 2015 07:28:00 GMT")),
]
COMMANDS = [("inspect",), ("plan", "--to", "1.26.0"), ("verify",), ("status",), ("backup",)]
OUT = {"plan": "plan.zip", "backup": "mesh.tar.gz"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshApi]:
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch, serving_mesh(folder) as api, stamina.set_testing(True, attempts=2, cap=True):
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield api


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


def look(api: MeshApi, place: Path, command: tuple[str, ...]) -> int:
    """Run a command that only reads."""
    before = files_below(place)
    api.peer.requests.clear()
    out = ("--out", place / OUT[command[0]]) if command[0] in OUT else ()
    code = ends_well({0, 2, BLOCKED, UNREACHABLE, BROKEN}, *command, *out, "--kubeconfig", api.peer.kubeconfig(place))
    writes = [request for request in api.peer.requests if request.method != "GET" and request.query.get("dryRun") != "All"]
    assert writes == []
    if command[0] == "backup" and code == DONE:
        assert read_backup(place / OUT["backup"]).facts.lacks
        (place / OUT["backup"]).unlink()
    (place / "kubeconfig").unlink()
    assert files_below(place) == before
    return code


@pytest.mark.parametrize(("command", "code"), list(zip(COMMANDS, (DONE, BLOCKED, BLOCKED, 2, DONE), strict=True)))
def test_the_mesh_is_read_where_nothing_is_wrong(api: MeshApi, place: Path, command: tuple[str, ...], code: int) -> None:
    assert look(api, place, command) == code


def spoiled(api: MeshApi, place: Path, data: st.DataObject) -> None:
    """One path answers what it should not, each time or the first time."""
    command = data.draw(st.sampled_from(COMMANDS))
    path, body = data.draw(st.sampled_from(sorted(api.answers().items(), key=lambda one: one[0])))
    wrong: Answer | None = data.draw(_answers(body))
    for_good: bool = data.draw(st.booleans())

    def spoil(request: Request, answer: Answer) -> Answer:
        nonlocal wrong, for_good
        if request.path != path or wrong is None:
            return answer
        now, wrong = wrong, wrong if for_good else None
        return now

    api.spoil = spoil
    try:
        look(api, place, command)
    finally:
        api.spoil = lambda request, answer: answer


def _answers(body: Any) -> st.SearchStrategy[Any]:
    trees = spoiled_tree(body).map(lambda tree: Answer(body=_encoded(tree)))
    return st.one_of(
        trees,
        trees,
        spoiled_bytes(json.dumps(body).encode()).map(lambda data: Answer(body=data)),
        st.builds(Answer, st.sampled_from(CODES), st.sampled_from(BODIES), st.sampled_from(HEADERS)),
        st.builds(Answer, st.just(200), st.sampled_from(BODIES), st.just({})),
        st.sampled_from([Answer(fault="reset"), Answer(200, b'{"items": [', fault="cut")]),
    )


def _encoded(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode()


test_a_spoiled_answer, test_many_spoiled_answers = few_and_many(st.data(), few=12)(spoiled)
