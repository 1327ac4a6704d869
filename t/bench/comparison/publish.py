"""Writes results: JSON, the plot, and the tables of all results in README and on their own page."""

import json
from pathlib import Path

from .machine import sentence
from .result import Result, Table

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


SHORT = ("closed", "overload", "durable", "replay", "memory", "connect")  # in the README


def write_json(directory, result, machine, command):
    """One file for each scenario."""
    directory.mkdir(parents=True, exist_ok=True)
    data = {
        "scenario": result.name,
        "title": result.title,
        "command": command,
        "machine": machine,
        "targets": result.targets,
        "bars": result.bars,
        "unit": result.unit,
        "tables": [[table.head, *table.rows] for table in result.tables],
        "raw": result.raw,
    }
    text = json.dumps(data, indent=1, ensure_ascii=False)
    (directory / f"{result.name}.json").write_text(text + "\n")


def read_json(directory, names):
    """What was published of each scenario, also by earlier runs: (result, sentence on its run)."""
    for name in names:
        path = directory / f"{name}.json"
        if path.exists():
            data = json.loads(path.read_text())
            tables = [Table(head, rows) for head, *rows in data["tables"]]
            result = Result(
                name, data["title"], tables, data["targets"], [], data["bars"], data["unit"]
            )
            yield result, sentence(data["machine"], data["command"])


def markdown(results):
    """Of (result, sentence); a sentence that holds for the next one too stands once."""
    parts = []
    for index, (result, about) in enumerate(results):
        parts.append(result.markdown())
        if index + 1 == len(results) or results[index + 1][1] != about:
            parts.append(about)
    return "\n\n".join(parts)


def publish(readme, directory, names):
    """Plot, page and the README's short form, of all results in the folder."""
    results = list(read_json(directory, names))
    plot = directory / "comparison.svg"
    drawn = draw([result for result, _ in results], plot)
    page = ["# Results of scripts/bench"]
    for result, about in results:
        page += [result.markdown(), "\n".join(f"- {line}" for line in result.targets), about]
    (directory / "README.md").write_text("\n\n".join(part for part in page if part) + "\n")
    short = [pair for pair in results if pair[0].name in SHORT]
    return insert(readme, short, plot.relative_to(readme.parent) if drawn else None)


def draw(results, path):
    """A panel of bars for each scenario that has some; nothing without one."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "sse"  # the same figures give the same file
    from matplotlib import pyplot

    results = [result for result in results if result.bars]
    if not results:
        return False
    heights = [0.6 + 0.3 * len(result.bars) for result in results]
    figure, axes = pyplot.subplots(
        len(results), 1, figsize=(8, sum(heights)), height_ratios=heights, squeeze=False
    )
    for (axis,), result in zip(axes, results):
        labels, values = list(result.bars), list(result.bars.values())
        colours = ["#0b7285" if "this module" in label else "#adb5bd" for label in labels]
        bars = axis.barh(labels, values, color=colours)
        axis.bar_label(bars, fmt="%.3g", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.set_title(result.unit, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def insert(readme, results, plot):
    """Replaces what stands between the markers; a README without them is left alone."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        return False
    parts = [f"![What it costs]({Path(plot).as_posix()})"] if plot else []
    parts.append(markdown(results))
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")
    return True
