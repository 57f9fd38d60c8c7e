"""What a calendar says of a plan."""

from datetime import UTC, date, datetime

from resail.checks.requirements.calendar_findings import calendar_findings
from resail.models.calendar import Calendar, CriticalWorkload, Freeze, Window
from resail.models.identity import ObjectRef
from resail.models.plan import Restart, RestartAgain, RestartWave

CALENDAR = Calendar(
    windows=(Window(days=("sat",), begin="22:00", end="23:00"),),
    freezes=(Freeze(begin=date(2026, 12, 20), end=date(2027, 1, 6), reason="year-end"),),
    critical=(CriticalWorkload(namespace="payments"),),
)
OPEN = datetime(2026, 11, 28, 22, 30, tzinfo=UTC)


def wave(number: int, *names: str) -> RestartWave:
    restarts = tuple(Restart(ObjectRef("apps/v1", "Deployment", *name.split("/")), "rollout", "-", 1, "", "") for name in names)
    return RestartWave(id=f"0{number}-restart-wave", title="-", reason="-", undo=RestartAgain(), wave=number, restarts=restarts)


def test_a_good_moment_and_nothing_critical() -> None:
    assert calendar_findings(CALENDAR, OPEN, [wave(1, "shop/cart")], "resail.yaml") == ()
    assert calendar_findings(Calendar(), OPEN, [wave(1, "payments/ledger")], "resail.yaml") == ()


def test_outside_of_each_window_the_next_is_named() -> None:
    [finding] = calendar_findings(CALENDAR, datetime(2026, 11, 28, 23, 0, tzinfo=UTC), [], "resail.yaml")

    assert (finding.id, finding.severity) == ("outside-window", "warning")
    assert "the next one opens Sat 2026-12-05 22:00 UTC" in finding.message
    assert "sat 22:00 to 23:00 UTC" in finding.evidence
    assert str(finding.objects[0]) == "Settings/resail.yaml windows"


def test_a_freeze_forbids() -> None:
    [finding] = calendar_findings(CALENDAR, datetime(2027, 1, 2, 22, 30, tzinfo=UTC), [], "resail.yaml")

    assert (finding.id, finding.severity) == ("in-freeze", "blocker")
    assert "2027-01-06: year-end" in finding.message
    assert finding.objects[0].field == "freezes[0]"


def test_a_critical_workload_is_named_with_its_steps() -> None:
    steps = [wave(1, "payments/ledger", "shop/cart"), wave(2, "payments/ledger")]
    [finding] = calendar_findings(CALENDAR, OPEN, steps, "resail.yaml")

    assert (finding.id, finding.severity) == ("critical-workload-restarts", "warning")
    assert finding.message == "payments/Deployment/ledger is critical and restarts in 01-restart-wave, 02-restart-wave"
    assert [str(one) for one in finding.objects] == ["payments/Deployment/ledger", "Settings/resail.yaml critical[0]"]
