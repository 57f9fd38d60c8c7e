"""Of a release's Go source: environment flags, fields of the IstioOperator, the oldest Kubernetes."""

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["flags_of", "oldest_kubernetes_of", "operator_fields_of"]

_PROGRAMS = ("pilot", "pkg", "security", "cni", "operator", "istioctl", "tools")
_REGISTER = re.compile(r'\b(env\.Register\w*|registerAmbient)\(\s*(?:"([^"]+)"|([\w.]+)),\s*')
_CONSTANT = re.compile(r'\b(\w+)(?: +string)? *= *"([A-Z][A-Z0-9_]+)"')
_FLAG = re.compile(r"[A-Z][A-Z0-9_]+")
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_OLDEST = re.compile(r"\bMinK8SVersion\s*=\s*(\d+)")
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r'^\t(\w+)\s+([^\s`]+).*`json:"([^",]*)', re.MULTILINE)
_EMBEDDED = re.compile(r"^\t(\w+)$", re.MULTILINE)


def flags_of(tree: Path) -> dict[str, str] | None:
    """Environment variables that the programs register → the default as the source has it; None: there is no source."""
    texts = [file.read_text(errors="replace") for file in _sources(tree)]
    if not any("env.Register" in text for text in texts):
        return None
    constants = {name: value for text in texts for name, value in _CONSTANT.findall(text)}
    flags: dict[str, str] = {}
    for text in texts:
        for found in _REGISTER.finditer(text):
            name = found[2] or constants.get(found[3].rpartition(".")[2], "")
            if _FLAG.fullmatch(name):
                first, end = _argument(text, found.end())
                # That with ambient mode comes first.
                default = _argument(text, end + 1)[0] if found[1] == "registerAmbient" else first
                flags.setdefault(name, default)
    return dict(sorted(flags.items()))


def oldest_kubernetes_of(tree: Path) -> str:
    """That istioctl's precheck accepts; empty: there is no source that tells."""
    for file in sorted((tree / "istioctl").rglob("version.go")):
        if found := _OLDEST.search(file.read_text(errors="replace")):
            return f"1.{found[1]}"
    return ""


def operator_fields_of(tree: Path) -> tuple[str, ...] | None:
    """Paths below ``spec`` of an IstioOperator; None: its types are not there (before 1.24 they were in another module)."""
    file = tree / "operator" / "pkg" / "apis" / "types.go"
    structs = dict(_STRUCT.findall(file.read_text(errors="replace"))) if file.is_file() else {}
    if "IstioOperatorSpec" not in structs:
        return None
    return tuple(sorted(_paths(structs, "IstioOperatorSpec", "")))


def _sources(tree: Path) -> Iterator[Path]:
    for program in _PROGRAMS:
        for file in sorted((tree / program).rglob("*.go")):
            if not file.name.endswith("_test.go"):
                yield file


def _argument(text: str, start: int) -> tuple[str, int]:
    """The expression that begins at ``start``, and where the comma or bracket is that ends it."""
    depth, quoted = 0, False
    for at in range(start, len(text)):
        letter = text[at]
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "([{":
            depth += 1
        elif not quoted and depth and letter in ")]}":
            depth -= 1
        elif not quoted and not depth and letter in ",)":
            return " ".join(_COMMENT.sub("", text[start:at]).split()), at
    return "", len(text)


def _paths(structs: dict[str, str], name: str, above: str) -> Iterator[str]:
    body = structs[name]
    for embedded in _EMBEDDED.findall(body):
        if embedded in structs:
            yield from _paths(structs, embedded, above)
    for _, kind, key in _FIELD.findall(body):
        if key in ("", "-", "values"):
            continue
        many = "[*]" if kind.startswith("[]") else ""
        path = f"{above}{key}{many}"
        below = kind.lstrip("[]*")
        if below in structs and below != "BoolValue":
            yield from _paths(structs, below, f"{path}.")
        else:
            yield path
