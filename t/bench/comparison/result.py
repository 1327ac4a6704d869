"""What a scenario found, ready to be shown."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of text under headings."""

    head: list
    rows: list = field(default_factory=list)

    def markdown(self):
        lines = [self.head, ["---"] + ["--:"] * (len(self.head) - 1), *self.rows]
        return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


@dataclass
class Result:
    """One scenario's."""

    name: str
    title: str
    tables: list = field(default_factory=list)
    targets: list = field(default_factory=list)  # sentences: what was to be reached, what was
    raw: list = field(default_factory=list)
    bars: dict = field(default_factory=dict)  # for the plot: label -> value
    unit: str = ""

    def target(self, claim, value, limit, digits=2):
        """Notes whether a value stays within its limit."""
        if value is None:
            return
        met = "met" if value <= limit else "NOT met"
        self.targets.append(f"{claim}: {value:.{digits}f}, at most {limit:g}: {met}")

    def markdown(self):
        parts = [f"**{self.title}**", *(table.markdown() for table in self.tables)]
        return "\n\n".join(parts)
