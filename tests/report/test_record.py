"""The record, and the pages made of it."""

from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from tests.report.runs import CART, INSTALL, LABEL, ORDERS, OUTSIDE, REPORT, START, TAG, VERIFY, WAVE, a_plan, a_run, entries

from resail.models.encoding import decode_json, pretty_json
from resail.models.identity import IstioVersion
from resail.models.journal import EntryBody, RunState, StepIntent, StepOutcome
from resail.models.record import Record
from resail.plan.file import plan_files
from resail.report.durations import duration
from resail.report.html import render_html
from resail.report.markdown import render_markdown
from resail.report.record import record_of

FILES = a_plan()
DONE: tuple[EntryBody, ...] = tuple(
    body
    for step, restarted in ((INSTALL, ()), (TAG, ()), (LABEL, ()), (WAVE, (str(CART), str(ORDERS))), (VERIFY, ()))
    for body in (StepIntent(step, "do"), StepOutcome(step, "do", "done", restarted=restarted))
)


def a_record(*bodies: EntryBody, state: RunState = "done", detail: str = "", pods: int | None = 5) -> Record:
    journal = entries(*bodies)
    return record_of(
        FILES,
        a_run(journal, state, detail),
        journal,
        pods_on_target=pods,
        plan_path=Path("state/plan.zip"),
        journal_path=Path("state/journal.db"),
        report_path=Path("state/report.html"),
    )


def test_the_record_has_what_its_readers_were_promised() -> None:
    content = msgspec.json.decode(pretty_json(a_record(*DONE)))
    assert content["from"] == "1.26.0"
    assert content["to"] == "1.27.9"
    assert content["strategy"] == "canary"
    assert content["run"] == "r-00000001"
    assert content["pods_on_target"] == 5
    assert [(step["id"], step["kind"], step["outcome"]) for step in content["steps"]] == [
        (INSTALL, "InstallRevision", "done"),
        (TAG, "MoveTag", "done"),
        (LABEL, "LabelNamespace", "done"),
        (WAVE, "RestartWave", "done"),
        (VERIFY, "Verify", "done"),
    ]
    assert content["workloads_restarted"] == [str(CART), str(ORDERS)]
    assert content["workloads_untouched"] == [str(OUTSIDE), str(REPORT)]
    assert all(Path(content[name]).is_absolute() for name in ("plan", "journal", "report"))


def test_a_record_survives_its_file() -> None:
    record = a_record(*DONE)
    assert decode_json(pretty_json(record), Record, on="x") == record


def test_a_workload_whose_wave_was_not_reached_is_not_said_to_be_restarted() -> None:
    record = a_record(*DONE[:6], state="halted")
    assert record.workloads_restarted == ()
    cart = next(each for each in record.workloads if each.workload == str(CART))
    assert "pending" in cart.reason
    assert "its proxy is 1.26.0" in cart.reason


def test_markdown_keeps_its_tables_whole() -> None:
    text = render_markdown(a_record(*DONE, detail="all | done"), FILES)
    for line in text.splitlines():
        if line.startswith("|"):
            bare = line.replace("\\|", "")
            assert bare.count("|") in (3, 4, 6), line
    assert "\\<not\\>" in text


class _Page(HTMLParser):
    """Which tags stand open at the end, and what the page would load."""

    _VOID = frozenset({"meta", "link", "br", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("state", ["done", "halted", "rolled-back", "rollback-failed", "aborted", "running"])
def test_the_page_is_whole_and_loads_nothing(state: RunState) -> None:
    page = _Page()
    text = render_html(a_record(*DONE[:7], state=state, pods=None), FILES, entries(*DONE[:7]))
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "script" not in page.tags
    assert "url(" not in text and "@import" not in text


def test_the_page_escapes_what_a_cluster_says() -> None:
    text = render_html(a_record(*DONE, detail="<b>bold</b>"), FILES, entries(*DONE))
    assert "web&lt;script&gt;" in text
    assert "&lt;b&gt;bold" in text
    assert "is &lt;replaced&gt;" in text


def test_the_page_tells_steps_waves_reasons_and_undo() -> None:
    text = render_html(a_record(*DONE), FILES, entries(*DONE))
    for words in (
        "Istio 1.26.0 → 1.27.9",
        "its budget permits no rollout",
        "its next run gets the new sidecar",
        "helm uninstall istio-system/istiod-1-27-9",
        "from pilot-discovery",
        "webhooks[0].failurePolicy",
        "nothing: it changes nothing",
    ):
        assert words in text


def test_durations_are_read_easily() -> None:
    shown = [duration(START, START + timedelta(seconds=seconds)) for seconds in (4.23, 59.97, 61, 3600, 3725)]
    assert shown == ["4.2 s", "1 min 00 s", "1 min 01 s", "1 h 00 min", "1 h 02 min"]
    assert duration(START, None) == ""


def test_several_hops_are_told_on_every_page() -> None:
    (one,) = FILES.plan.hops
    stop = IstioVersion(1, 27, 0)
    hops = (msgspec.structs.replace(one, to_version=stop), msgspec.structs.replace(one, from_version=stop))
    several = plan_files(msgspec.structs.replace(FILES.plan, hops=hops), FILES.manifests)
    way, record = "1.26.0 → 1.27.0 → 1.27.9", a_record(*DONE)
    for told, plain in (
        (render_markdown(record, several), render_markdown(record, FILES)),
        (render_html(record, several, entries(*DONE)), render_html(record, FILES, entries(*DONE))),
    ):
        assert way in told
        assert "Hops" not in plain
