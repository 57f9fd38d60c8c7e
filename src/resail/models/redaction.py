"""What could be a secret is taken out of texts and objects; its length stays in its place."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

from resail.models.secret_names import can_be_secret, is_password_name, is_secret_name, is_secret_variable

__all__ = ["Redactor", "redacted", "redacted_text"]

_Found = re.Match[str]

_DONE = re.compile(r"\((redacted, )?\d+ characters\)")

_TELLING = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL),
    re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{20,}", re.IGNORECASE),
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),
    re.compile(r"\b(?:AKIA|ASIA|AROA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(?:gh[opsru]_|github_pat_|glpat-|xox[abprs]-)[\w-]{16,}|\bAIza[\w-]{35}"),
    re.compile(r"(?<=bearer )[\w.~+/=-]{16,}", re.IGNORECASE),
)
"""What shows by itself that it is a secret: keys, and tokens of known issuers."""

_HEADER = re.compile(
    r"(?P<before>\bauthorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:basic|bearer|digest|negotiate|token)\s+)"
    r"(?P<value>[^\s\"'\\(][^\n\"'\\]*)",
    re.IGNORECASE,
)
_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"']*:)(?P<value>[^\s/\"']+)(?=@)", re.IGNORECASE)

_ENV = re.compile(
    r"(?P<before>\bname[\"']?\s*:\s*[\"']?(?P<name>\w+)[\"']?\s{0,80},?\s{0,80}[\"']?value[\"']?\s*:[ \t]*(?P<quote>[\"'])?)"
    r"(?P<value>(?(quote)(?:\\.|(?!(?P=quote))[^\\\n])*|[^\n]*))"
)
"""A variable of a container in YAML or JSON."""
_BLOCK = re.compile(
    r"^(?P<before>(?P<indent>[ ]*)(?:- )?[\"']?(?P<name>[A-Za-z_][\w./-]*)[\"']?:[ ]*[|>][-+0-9]*\n)"
    r"(?P<value>(?:(?P=indent)[ ]+[^\n]*(?:\n|\Z))+)",
    re.MULTILINE,
)
"""A field of several lines in YAML."""
_LINE = re.compile(
    r"^(?P<before>[ \t]*(?:- )?(?P<name>[A-Za-z_][\w./-]*):[ \t]+)(?P<value>[^\s\"'|>&*{\[(][^\n]*)$", re.MULTILINE
)
"""A field of one line in YAML."""
_PAIR = re.compile(
    r"(?P<before>(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)[\"']?[ \t]*[:=][ \t]*(?P<quote>[\"'])?)"
    r"(?P<value>(?(quote)(?:\\.|(?!(?P=quote))[^\\\n])+|[^\s\"',;&(){}\[\]\\]+))"
)
"""``name=value`` and ``"name": "value"`` anywhere."""
_ESCAPED_PAIR = re.compile(
    r"(?P<before>(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)(?P<quote>\\+[\"'])[ \t]*:[ \t]*(?P=quote))"
    r"(?P<value>(?:(?!(?P=quote))[^\n])+)"
)
"""The same in JSON that stands in a string."""
_SECRET_VALUES = re.compile(r"^(?P<before>(?:data|stringData):[ \t]*\n)(?P<value>(?:[ \t]+[^\n]*(?:\n|\Z))+)", re.MULTILINE)
_SECRET_KIND = re.compile(r"^kind: [\"']?Secret\b", re.MULTILINE)
_DOCUMENT = re.compile(r"^(?=---)", re.MULTILINE)

_ENCODED = re.compile(r"(?<![\w+/=-])[\w+/-]{24,}={0,2}(?![\w+/=-])")
"""What may be base64."""

_SHORTEST_TELLING = 15
"""Most strings of an object are names, which are not worth a search."""
_SHORTEST = 8
_SHORTEST_LINE = 16
_LONGEST_WORDS = 20
_WORDS = re.compile(r"[A-Za-z]+(?:[-. _/:][A-Za-z]+)*[.:!?]?")
_CERTIFICATES = re.compile(r"\s*(?:-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\s*)+")


class Redactor:
    """Takes out what looks like a secret, and given values whatever they look like.

    Pure, and done twice it changes nothing more. Of the given values those are left that are shorter than 8 characters, a few
    words in fewer than 20 (``istio-system``), or nothing but certificates, which are public.
    """

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        known = {form for value in values for form in _forms(value)}
        self._known = sorted(known, key=lambda value: (-len(value), value))
        self._inside = self
        """What looks into what is encoded: it may hold any of the values."""

    def text(self, text: str) -> str:
        """A text without them."""
        for value in self._known:
            text = text.replace(value, _mark(value))
        if len(text) < _SHORTEST_TELLING and ":" not in text and "=" not in text:
            return text
        if text.lstrip()[:1] in ("{", "["):
            text = self._of_json(text)
        for pattern in _TELLING:
            text = pattern.sub(lambda found: _mark(found[0]), text)
        if _SECRET_KIND.search(text):
            text = "".join(map(_document, _DOCUMENT.split(text)))
        text = _HEADER.sub(_value, text)
        text = _URL.sub(_value, text)
        text = _ENV.sub(lambda found: _value(found) if is_secret_variable(found["name"]) else found[0], text)
        text = _BLOCK.sub(lambda found: _lines(found) if is_secret_name(found["name"]) else found[0], text)
        for pattern in (_LINE, _PAIR, _ESCAPED_PAIR):
            text = pattern.sub(lambda found: _value(found) if _is_secret_pair(found) else found[0], text)
        return _ENCODED.sub(self._of_base64, text)

    def data(self, value: Any) -> Any:
        """What JSON can hold, without them."""
        if not self._known:
            return self._data(value, "")
        written = json.dumps(value, ensure_ascii=False)
        here = Redactor()
        here._known = [one for one in self._known if json.dumps(one, ensure_ascii=False)[1:-1] in written]
        here._inside = self
        return here._data(value, "")

    def _data(self, value: Any, name: str) -> Any:
        match value:
            case dict():
                return self._of_fields(value)
            case list() | tuple():
                return [self._data(one, name) for one in value]
            case str() if is_secret_name(name) or (name == "auth" and ":" in _decoded(value)):
                return _instead(value)
            case str():
                return self.text(value)
            case int() | float() if not isinstance(value, bool) and is_secret_name(name):
                return _instead(str(value)) if can_be_secret(str(value)) else value
            case _:
                return value

    def _of_fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        taken = {self.text(key): self._data(value, key) for key, value in fields.items()}
        if fields.get("kind") == "Secret":
            held = [name for name in ("data", "stringData") if isinstance(fields.get(name), dict)]
            taken |= {name: {key: _emptied(str(value)) for key, value in fields[name].items()} for name in held}
        if isinstance(fields.get("value"), str) and is_secret_variable(str(fields.get("name"))):
            taken["value"] = _instead(fields["value"])
        return taken

    def _of_json(self, text: str) -> str:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        taken = self._data(value, "")
        return text if taken == value else json.dumps(taken, ensure_ascii=False, separators=(",", ":"))

    def _of_base64(self, found: _Found) -> str:
        inside = _decoded(found[0])
        return _mark(found[0]) if inside and self._inside.text(inside) != inside else found[0]


_BY_LOOKS = Redactor()


def redacted_text(text: str) -> str:
    """A text without what looks like a secret."""
    return _BY_LOOKS.text(text)


def redacted(value: Any) -> Any:
    """What JSON can hold, without what looks like a secret, and without any value of a Secret."""
    return _BY_LOOKS.data(value)


def _mark(value: str) -> str:
    return f"(redacted, {len(value)} characters)"


def _instead(value: str) -> str:
    return _mark(value) if can_be_secret(value) and not _DONE.fullmatch(value) else value


def _emptied(encoded: str) -> str:
    """Instead of what a Secret holds, be it a switch."""
    return encoded if _DONE.fullmatch(encoded) else _mark(_decoded(encoded) or encoded)


def _value(found: _Found) -> str:
    return f"{found['before']}{_instead(found['value'])}"


def _lines(found: _Found) -> str:
    if _DONE.fullmatch(found["value"].strip()):
        return found[0]
    return f"{found['before']}{' ' * (len(found['value']) - len(found['value'].lstrip(' ')))}{_mark(found['value'])}\n"


def _document(text: str) -> str:
    """A document of YAML."""
    return _SECRET_VALUES.sub(_lines, text) if _SECRET_KIND.search(text) else text


def _is_secret_pair(found: _Found) -> bool:
    """A token is no word (``token: expired``), and has no spaces; a password may be anything."""
    if not is_secret_name(found["name"]):
        return False
    value, groups = found["value"], found.re.groupindex
    if is_password_name(found["name"]) or ("quote" in groups and found["quote"]) or found["before"].endswith("="):
        return True
    return " " not in value and (found.re is _LINE or (len(value) >= _SHORTEST and not _WORDS.fullmatch(value)))


def _decoded(text: str) -> str:
    """What stands there in base64, of either alphabet and with or without its end; empty where that is no text."""
    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _forms(value: bytes) -> list[str]:
    """A value as it may stand in a text: itself, its lines and what is behind a colon in them, and each of that in base64."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return [_encoded(value)] if len(value) >= _SHORTEST else []
    if _CERTIFICATES.fullmatch(text):
        return []
    lines = [line.strip() for line in text.splitlines()] if "\n" in text.strip() else []
    fields = [line.partition(": ")[2].strip("\"' ") for line in lines]
    told = [one for one in (*lines, *fields) if len(one) >= _SHORTEST_LINE and not one.startswith("-----")]
    parts = [part for part in (text.strip(), *told) if _is_worth(part)]
    return [*parts, *(_encoded(part.encode()) for part in parts)]


def _is_worth(value: str) -> bool:
    few_words = _WORDS.fullmatch(value) is not None and len(value) < _LONGEST_WORDS
    return len(value) >= _SHORTEST and not few_words and can_be_secret(value)


def _encoded(value: bytes) -> str:
    """In base64, as far as that does not depend on what follows."""
    whole = base64.b64encode(value).decode()
    return whole.rstrip("=")[:-1] if whole.endswith("=") else whole
