"""Draws what the scaling section measured: python plot.py SCALING.json FOLDER writes FOLDER/scaling-<name>.svg."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402 -- the backend comes first

COLOURS = {"zoetrope": "#d1495b", "reference": "#edae49", "defaults": "#30638e", "channels_last": "#00798c"}
STYLES = {1: "--", 2: "-"}


def draw(title, series, path):
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for entry in series:
        frames = [point["frames"] for point in entry["points"]]
        middle = [point["ms"]["median"] for point in entry["points"]]
        spread = [
            [point["ms"]["median"] - point["ms"]["min"] for point in entry["points"]],
            [point["ms"]["max"] - point["ms"]["median"] for point in entry["points"]],
        ]
        fit, colour = entry["fit"], COLOURS[entry["key"]]
        label = f"{entry['label']}, {entry['threads']} threads: {1000 * fit['slope']:.3g} µs per frame, R² {fit['r2']:.4f}"
        axes.errorbar(frames, middle, yerr=spread, fmt="o", markersize=4, color=colour, capsize=2)
        line = [fit["slope"] * count + fit["intercept"] for count in frames]
        axes.plot(frames, line, STYLES[entry["threads"]], color=colour, linewidth=1, label=label)
    axes.set(xlabel="frames in a batch", ylabel="training step, ms", title=f"Training step by {title}")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main(source, folder):
    matplotlib.rcParams["svg.hashsalt"] = "zoetrope"  # the same numbers draw the same file
    for name, plot in json.loads(Path(source).read_text()).items():
        draw(plot["title"], plot["series"], Path(folder) / f"scaling-{name}.svg")


main(sys.argv[1], sys.argv[2])
