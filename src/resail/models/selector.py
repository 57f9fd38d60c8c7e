"""Label selectors, as Kubernetes objects have them and as its API takes them in a query."""

import re
from typing import Any

import msgspec

__all__ = ["Selector"]


class _Requirement(msgspec.Struct, rename="camel"):
    key: str
    operator: str
    values: list[str] = []

    def fits(self, labels: dict[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels

    def __str__(self) -> str:
        """As the API takes it in a query."""
        match self.operator:
            case "In" | "NotIn":
                return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"
            case "Exists":
                return self.key
            case _:
                return f"!{self.key}"


_TERM = re.compile(
    r"(?P<absent>!)?\s*(?P<key>[^\s=!,()]+)\s*(?:(?P<sign>==|=|!=)\s*(?P<value>[^\s,]*)"
    r"|(?P<operator>in|notin)\s*\((?P<values>[^)]*)\))?\s*(?:,|$)"
)
"""One requirement of a query: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api"""


class Selector(msgspec.Struct, rename="camel"):
    match_labels: dict[str, str] = {}
    match_expressions: list[_Requirement] = []

    def fits(self, labels: dict[str, str]) -> bool:
        """Does it select an object with these labels?"""
        return self.match_labels.items() <= labels.items() and all(
            requirement.fits(labels) for requirement in self.match_expressions
        )

    def __str__(self) -> str:
        """As the API takes it in a query."""
        equal = (f"{key}={value}" for key, value in sorted(self.match_labels.items()))
        return ",".join((*equal, *map(str, self.match_expressions)))

    def written(self) -> dict[str, Any]:
        """As an object has it."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in written.items() if value}

    @classmethod
    def parse(cls, query: str) -> "Selector":
        """Read what ``str`` of a selector gives; also ``!=``."""
        equal: dict[str, str] = {}
        others: list[_Requirement] = []
        for term in _TERM.finditer(query):
            key = term["key"]
            if term["sign"] in ("=", "=="):
                equal[key] = term["value"]
            elif term["sign"]:
                others.append(_Requirement(key, "NotIn", [term["value"]]))
            elif term["operator"]:
                values = [value.strip() for value in term["values"].split(",")]
                others.append(_Requirement(key, "In" if term["operator"] == "in" else "NotIn", values))
            else:
                others.append(_Requirement(key, "DoesNotExist" if term["absent"] else "Exists"))
        return cls(equal, others)
