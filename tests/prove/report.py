"""From figures to docs/security-report.md, in words that hold on any machine."""

from collections.abc import Sequence

from tests.prove.figures import Figure, Section

_HEAD = """# Security report
Made by `make prove`, which attacks the code of this checkout and fails where a line below does not hold. What is
promised against whom stands in [threat-model.md](threat-model.md). A **control** is a fault planted on purpose: an
attack that would not find it would find nothing else either.
"""


def text(sections: Sequence[Section], *, quick: bool) -> str:
    """The whole report."""
    parts = [_HEAD]
    if quick:
        parts.append("**A quick run**: few tries, wide intervals. `make prove` makes the real one.\n")
    lines = [figure for section in sections for figure in section.figures]
    good = sum(figure.holds for figure in lines)
    controls = [figure for figure in lines if figure.control]
    found = sum(figure.holds for figure in controls)
    parts.append(f"{good} of {len(lines)} lines hold; {found} of {len(controls)} controls were found.\n")
    parts += [_section(section) for section in sections]
    return "\n".join(parts)


def _section(section: Section) -> str:
    rows = ["| | figure | |", "|---|---|---|", *map(_row, section.figures)]
    notes = [f"\n{note}" for note in section.notes]
    return "\n".join([f"## {section.title}", section.method, "", *rows, *notes, ""])


def _row(figure: Figure) -> str:
    word = (
        ("found" if figure.holds else "**NOT FOUND**")
        if figure.control
        else ("holds" if figure.holds else "**MISSES**")
    )
    name = f"Control: {figure.name[0].lower()}{figure.name[1:]}" if figure.control else figure.name
    return f"| {name} | {figure.result} | {word} |"
