"""``bench/results.md``: a section for each measurement, of which a new run replaces its own."""

import re
import sys
from pathlib import Path

__all__ = ["keep", "say"]

_FILE = Path(__file__).with_name("results.md")
_SECTIONS = re.compile(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->\n|\Z)", re.DOTALL)


def keep(name: str, section: str) -> None:
    """Write the Markdown of a measurement, and print it."""
    sections = dict(_SECTIONS.findall(_FILE.read_text())) if _FILE.exists() else {}
    sections[name] = f"{section.strip()}\n\n"
    text = "".join(f"<!-- {each} -->\n{sections[each]}" for each in sorted(sections))
    _FILE.write_text(f"{text.strip()}\n")
    sys.stdout.write(section)


def say(text: str) -> None:
    """What goes on, for who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
