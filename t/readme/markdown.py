"""The parts of the documents that can be tested: code blocks by section, tables, directives."""

import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/durable-channels.md")

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
DIRECTIVE = re.compile(r"\*\*syntax\*\* `(.+)` · \*\*default\*\* (?:`(.+)`|—) · \*\*context\*\* (.+)$", re.MULTILINE)


class Block(NamedTuple):
    language: str
    text: str


class Section(NamedTuple):
    document: str
    title: str
    text: str

    def blocks(self, *languages):
        found = [Block(*match.groups()) for match in BLOCK.finditer(self.text)]
        return [block for block in found if not languages or block.language in languages]

    def table(self, first_column):
        """The rows of the table whose first column has this name."""
        _, _, rest = self.text.partition(f"| {first_column} |")
        lines = re.match(r".*\n\|[- |]+\n((?:\|.*\n)+)", rest).group(1).splitlines()
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class Directive(NamedTuple):
    name: str
    syntax: str
    default: str
    contexts: list


def sections():
    """Everything between two headings, in order. No two have the same title."""
    return [section for document in DOCUMENTS for section in sections_of(document)]


def sections_of(document):
    text = (REPOSITORY / document).read_text()
    # A line of a code block may begin like a heading: headings are looked for with the blocks blanked out.
    blanked = BLOCK.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    headings = list(HEADING.finditer(blanked))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return [
        Section(document, heading.group(2).strip("`"), text[heading.end() : end])
        for heading, end in zip(headings, ends)
    ]


def section(title):
    (found,) = [section for section in sections() if section.title == title]
    return found


def directives():
    found = []
    for each in sections():
        match = DIRECTIVE.search(each.text)
        if match:
            syntax, default, contexts = match.groups()
            found.append(Directive(each.title, syntax, default, contexts.split(", ")))
    return found


def code_lines(cell):
    """The lines of a table's cell, each a code span."""
    return [line.removeprefix("`").removesuffix("`") for line in cell.split("<br>")]
