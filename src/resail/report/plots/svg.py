"""SVG as an element tree: whatever a cluster calls its things, what comes out is well-formed."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

__all__ = ["LEFT", "RIGHT", "TEXT_WIDTH", "WIDTH", "Plot", "canvas", "draw", "number", "rendered", "shortened", "write"]

WIDTH = 900.0
"""Of every view box; heights differ. Units are CSS pixels at a desktop's width."""
LEFT = 230.0
"""Where the time axis begins; names stand left of it."""
RIGHT = 880.0
"""Where it ends."""
TEXT_WIDTH = 6.4
"""Of a letter of the plots' text, on average and rather too wide."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Plot(msgspec.Struct, frozen=True):
    """A picture, or what is said where there is nothing to draw."""

    svg: str = ""
    sentence: str = ""


def canvas(name: str, title: str, description: str, height: float) -> Element:
    """An empty picture; ``title`` and ``description`` are what a screen reader says of it."""
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": f"plot {name}",
        "viewBox": f"0 0 {number(WIDTH)} {number(height)}",
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-description",
    }
    root = Element("svg", attributes)
    for tag, text in (("title", title), ("desc", description)):
        SubElement(root, tag, id=f"{name}-{'title' if tag == 'title' else 'description'}").text = _xml(text)
    return root


def draw(parent: Element, tag: str, style: str, tooltip: str = "", **attributes: float | str) -> Element:
    """Add a shape of CSS class ``style``, with a text that shows where one points at it."""
    shown = {name.replace("_", "-"): value if isinstance(value, str) else number(value) for name, value in attributes.items()}
    shape = SubElement(parent, tag, {"class": style, **shown})
    if tooltip:
        SubElement(shape, "title").text = _xml(tooltip)
    return shape


def write(parent: Element, x: float, y: float, text: str, style: str = "label", tooltip: str = "") -> Element:
    """Add a text; its class says how it is aligned."""
    element = draw(parent, "text", style, tooltip, x=x, y=y)
    # After a tooltip's element, text is its tail.
    if len(element):
        element[0].tail = _xml(text)
    else:
        element.text = _xml(text)
    return element


def shortened(text: str, width: float, *, end: bool = False) -> str:
    """As much of it as fits into ``width`` units, from its start or up to its end."""
    fits = max(int(width / TEXT_WIDTH), 2)
    if len(text) <= fits:
        return text
    return f"…{text[1 - fits :]}" if end else f"{text[: fits - 1]}…"


def number(value: float) -> str:
    """``12.5``, ``3``"""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rendered(root: Element) -> Plot:
    """The picture as a part of a page."""
    return Plot(svg=tostring(root, encoding="unicode"))


def _xml(text: str) -> str:
    """Control characters, as in some error's message, have no place in XML."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
