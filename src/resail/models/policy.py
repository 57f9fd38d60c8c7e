"""Rules of a policy as people write them, and the tests of such rules."""

from typing import Annotated, Any, Literal

import msgspec

from resail.models.finding import Severity

__all__ = ["Policy", "Rule", "RuleTest", "RuleTests", "Subject"]

Subject = Literal["manifest", "finding", "step"]

_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename={"about": "for"}, forbid_unknown_fields=True):
    """One rule. Its expression must hold, as in a ValidatingAdmissionPolicy; where it does not, that is a finding."""

    id: _Name
    """Kebab-case; the finding's id is ``policy/<id>``."""
    severity: Severity
    message: Annotated[str, msgspec.Meta(min_length=1)]
    """One sentence: what is wrong where the expression does not hold."""
    about: Subject = "manifest"
    match: tuple[str, ...] = ()
    """Kinds (``Service``, ``Gateway.networking.istio.io``) of manifests, ids of findings, types of steps. None: all."""
    field: str = ""
    """Path, or pattern of paths, of what is judged: each field that is there by itself. Empty: the subject as a whole."""
    lost: bool = False
    """Judge, too, the fields that only what runs has; their ``value`` is null."""
    expression: Annotated[str, msgspec.Meta(min_length=1)]
    """CEL, true or false."""
    fix: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: ``lost`` without something that runs, or without a field.
        """
        if self.lost and (self.about != "manifest" or not self.field):
            raise ValueError("`lost` is for rules about a field of manifests")


class RuleTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one rule must say of one subject."""

    name: str
    rule: str
    """Its id."""
    object: dict[str, Any] | None = None
    running: dict[str, Any] | None = None
    """What runs in its place."""
    finding: dict[str, Any] | None = None
    step: dict[str, Any] | None = None
    expect: Literal["pass", "violation", "skip"]
    """``skip``: the rule does not look at it."""

    def __post_init__(self) -> None:
        """Refuse a test of no subject or of several.

        Raises:
            ValueError: so it is.
        """
        if sum(one is not None for one in (self.object, self.finding, self.step)) != 1:
            raise ValueError("a test has one of `object`, `finding` and `step`")
        if self.running is not None and self.object is None:
            raise ValueError("`running` goes with `object`")


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section ``policy`` of the configuration file."""

    rules: tuple[Rule, ...] = ()
    disable: tuple[str, ...] = ()
    """Ids of built-in rules."""
    tests: tuple[RuleTest, ...] = ()


class RuleTests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of tests."""

    rules: tuple[Rule, ...] = ()
    """In force for these tests beside those of the site."""
    tests: tuple[RuleTest, ...]
