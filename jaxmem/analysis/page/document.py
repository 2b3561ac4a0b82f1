"""HTML that cannot be forgotten to be escaped: whatever is not `Html` already becomes text."""

import html
import re
from collections.abc import Iterable, Sequence

from jaxmem.analysis.page.style import CSS

_VOID = ("meta", "img", "source")
# Nothing is loaded from anywhere, and nothing runs: pictures are data inside of the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_NUMBER = re.compile(r"[-+<>=]*\d[\d,.:e+%-]*")


class Html(str):
    """Text that is HTML already, and stays as it is."""


def element(tag: str, *children: str, **attributes: str | int | None) -> Html:
    """An element; children that are no `Html` are escaped, and so are the attributes.

    In attributes' names, `_` stands for `-`, and one at the end is dropped; those that are None are left out.
    """
    named = {name.removesuffix("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    opened = "".join([tag, *(f' {name}="{_escape(str(value))}"' for name, value in named.items())])
    return Html(f"<{opened}>" if tag in _VOID else f"<{opened}>{join(children)}</{tag}>")


def join(children: Iterable[str]) -> Html:
    """Children one after another, those that are no `Html` escaped."""
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in children))


def _escape(text: str) -> str:
    # Names of files need not be Unicode.
    return html.escape(text.encode("utf-8", "replace").decode())


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table that scrolls by itself where the screen is narrow; the first column names the rows.

    Columns that have but numbers, or nothing, are set right.
    """
    numeric = [all(_NUMBER.fullmatch(row[i]) or not row[i] for row in rows) for i in range(len(columns))]
    kinds = ["number" if right else None for right in numeric]
    head = [element("th", name, scope="col", class_=kind) for name, kind in zip(columns, kinds, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_=kinds[0]),
            *(element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def note(text: str) -> Html:
    """A line beside the matter: what is not there, and what a reader should know; what is in backquotes is code."""
    parts = re.split(r"`([^`]+)`", text[:1].upper() + text[1:])
    return element("p", *(element("code", part) if n % 2 else part for n, part in enumerate(parts)), class_="note")


def section(anchor: str, title: str, *children: str) -> Html:
    """A part of the page that links lead to."""
    return element("section", element("h2", title), *children, id=anchor)


def page(title: str, lead: Html, sections: Sequence[tuple[str, str, Sequence[Html]]]) -> str:
    """The whole document.

    Args:
        title: what it is called.
        lead: what comes below the title.
        sections: anchor, title and content of each.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(CSS)),
    )
    links = [element("li", element("a", name, href=f"#{anchor}")) for anchor, name, _ in sections]
    body = element(
        "body",
        element("header", element("h1", title), lead, element("nav", element("ul", *links), aria_label="Sections")),
        element("main", *(section(anchor, name, *content) for anchor, name, content in sections)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"
