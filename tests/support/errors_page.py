"""Writes docs/errors.md from the error tree and the gateway's tables.

python -m tests.support.errors_page
"""

from __future__ import annotations

import inspect
from pathlib import Path

from topstepx import errors
from topstepx.wire.refusals import TABLES, TEXTS
from topstepx.wire.routes import ROUTES, ErrorTable

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"

_TOP = """\
# Errors

Every exception is a `TopstepxError` and first of all says whether the thing you asked for happened: \
`error.did_it_happen` is `"no"` or `"unknown"`. What happened returns normally. Then it says what it \
means (`meaning`), what to do (`next_step`), and where it is known when to come back (`retry_after_s`).

    try:
        order = await desk.buy(1, at=Market(), key="open-1")
    except OrderUnresolved as error:
        order = error.order             # it may exist: watch it, send nothing again
    except RateLimited as error:
        ...                             # nothing was sent; there is room in error.retry_after_s
    except TopstepxError as error:
        print(error)                    # the message ends with the next step

Where the gateway answered, the error carries `route`, HTTP `status`, `code`, the code's `name` and \
`gateway_text`, the gateway's own words: cleaned, but from outside, so never act on them by program. A \
code that this version does not know keeps its number (`Unknown99`) and leaves the outcome unknown. So do \
an empty answer, HTML from a proxy, half an answer, `success: true` with an error code, and an accepted \
order without its id: none of these is a yes or a no. HTTP 400 names the fields that the gateway did not \
like.

Nothing here sends a place, modify or partial close a second time. Reads are tried up to three times. \
Cancels and closes are repeated until the end is seen, for their end is always the same.

`topstepx errors` prints the second half of this page in the terminal.

## The tree

| Error | Did it happen? | Meaning | Next step |
|---|---|---|---|
"""

_CODES = """
## The gateway's codes

Each endpoint counts from 0 again. *Unknown* marks codes that do not prove that nothing was done.
"""


def classes() -> list[type[errors.TopstepxError]]:
    """Every public error, parents first, in the order of the source."""
    found: list[type[errors.TopstepxError]] = []

    def walk(kind: type[errors.TopstepxError]) -> None:
        if kind.__module__.startswith("topstepx.error") and not kind.__name__.startswith("_"):
            found.append(kind)
        for child in kind.__subclasses__():
            if child.__module__ in {"topstepx.errors", "topstepx.error_network"}:
                walk(child)

    walk(errors.TopstepxError)
    return found


def _depth(kind: type) -> int:
    public = [
        each
        for each in inspect.getmro(kind)
        if issubclass(each, errors.TopstepxError) and not each.__name__.startswith("_")
    ]
    return len(public) - 1


def page() -> str:
    """The whole page."""
    lines = [_TOP.rstrip("\n")]
    for kind in classes():
        indent = "&nbsp;&nbsp;" * _depth(kind)
        meaning = kind.meaning[0].upper() + kind.meaning[1:]
        lines.append(
            f"| {indent}`{kind.__name__}` | {kind.did_it_happen} | {meaning}. | {kind.next_step} |"
        )
    lines.append(_CODES.rstrip("\n"))
    for table in ErrorTable:
        if not TABLES[table]:
            continue
        names = ", ".join(f"`{route.name}`" for route in ROUTES if route.errors is table)
        lines += [
            "",
            f"### {names}",
            "",
            "| Code | Name | Meaning | Next step |",
            "|---|---|---|---|",
        ]
        for row in TABLES[table]:
            meaning = row.meaning[0].upper() + row.meaning[1:]
            mark = " *Unknown.*" if row.outcome == "unknown" else ""
            lines.append(f"| {row.code} | {row.name} | {meaning}.{mark} | {row.next_step} |")
    lines += ["", "## Words that say more than the code", ""]
    lines += ["| The gateway says | Meaning | Next step |", "|---|---|---|"]
    for text in TEXTS:
        meaning = text.meaning[0].upper() + text.meaning[1:]
        lines.append(f"| “{' … '.join(text.parts)}” | {meaning}. | {text.next_step} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
