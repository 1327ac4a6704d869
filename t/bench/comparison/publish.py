"""Writes results: JSON, the plot, and the table in the README."""

import json
from pathlib import Path

from .machine import sentence

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


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


def insert(readme, results, machine, command, plot):
    """Replaces what stands between the markers; a README without them is left alone."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        return False
    parts = [f"![What it costs]({Path(plot).as_posix()})"] if plot else []
    parts += [result.markdown() for result in results]
    parts.append(sentence(machine, command))
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")
    return True
