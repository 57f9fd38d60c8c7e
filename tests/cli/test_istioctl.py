"""``resail istioctl``"""

import json
from pathlib import Path

from tests.cli.program import Program
from tests.cli.test_errors import assert_fails, closed_port
from tests.releases.istioctl.programs import program, put
from tests.releases.web import serve

PLAIN = {"PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1"}


def test_its_path_is_all_that_is_printed(resail: Program) -> None:
    put(resail.home / "mirror" / "bin", program("1.26.8"))
    done = resail("istioctl", "v1.26.8", "--release-dir", "mirror", **PLAIN, COLUMNS="20")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.removesuffix("\n"))
    assert path == resail.home / "cache" / "resail" / "istioctl" / "1.26.8" / "istioctl"
    assert "istioctl 1.26.8 is here, from the directory mirror" in done.stderr
    found = json.loads(resail("istioctl", "1.26.8", "-o", "json", **PLAIN).stdout)
    assert found.keys() == {"version", "path", "source", "digest"}
    assert (found["version"], found["path"], found["source"]) == ("1.26.8", str(path), "directory mirror")


def test_a_mirror_is_asked_and_every_source_is_named(resail: Program) -> None:
    with serve() as mirror:
        done = resail("istioctl", "1.26.8", RESAIL_GITHUB=mirror.address, **PLAIN)
    assert (done.returncode, done.stdout) == (9, "")
    assert mirror.asked[0].startswith("/istio/istio/releases/download/1.26.8/istioctl-1.26.8-")
    for source in ("PATH: ", "cache ", f"istioctl archive of {mirror.address}", "Go module istio.io/istio"):
        assert source in done.stderr


def test_no_version(resail: Program) -> None:
    assert_fails(resail, 2, "istioctl", "latest")
    assert_fails(resail, 2, "istioctl")


def test_no_network(resail: Program) -> None:
    done = resail("istioctl", "1.26.8", "-o", "json", RESAIL_GITHUB=f"http://127.0.0.1:{closed_port()}", **PLAIN)
    assert done.returncode == 9
    assert "the host cannot be reached" in json.loads(done.stdout)["error"]["what"]
