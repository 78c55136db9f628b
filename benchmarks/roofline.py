#!/usr/bin/env python3
"""Draws rooflines as SVG from what `cospadi bench kernels --json` printed.

    benchmarks/roofline.py kernels.json roofline.svg

Each file is one run on one machine. A point is one kernel: operations a byte against operations a second; the roof is the copy
rate and the product rates of the same run. Needs matplotlib 3.5 or later.
"""

import argparse
import json

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# the kernels of decoding are named in the legend; a solver's are written at their points
STYLES = {
    "codes": ("o", "tab:blue"),
    "dictionary": ("s", "tab:green"),
    "projection": ("D", "tab:red"),
    "cuBLAS": ("x", "0.35"),
    "OpenBLAS": ("x", "0.35"),
    "cuSPARSE CSR": ("+", "tab:purple"),
}


def roofs(kernels):
    """Bytes a second and operations a second by type, the best that the run measured."""
    memory = max(k["roof"] for k in kernels if k["bound"] == "memory")
    arithmetic = {}
    for k in kernels:
        if k["bound"] == "arithmetic":
            arithmetic[k["type"]] = max(arithmetic.get(k["type"], 0), k["roof"])
    return memory, arithmetic


def device(run):
    """The GPU's name, or the processor's where that computed."""
    if run["backend"].startswith("cuda "):
        return run["backend"].removeprefix("cuda ").split(",")[0]
    return f"{run['processor']}, {run['threads']} threads"


def draw(run, to):
    kernels = [k for k in run["kernels"] if k["flops"] > 0]
    memory, arithmetic = roofs(run["kernels"])
    figure, axes = plt.subplots(figsize=(9, 6))
    intensities = [k["flops"] / k["bytes"] for k in kernels]
    left, right = min(intensities) / 2, max(intensities) * 2
    ridge = max(arithmetic.values()) / memory
    axes.plot([left, ridge], [memory * left, memory * ridge], color="0.6", lw=1)
    axes.annotate(f"{memory / 1e9:.0f} GB/s", (left, memory * left), xytext=(4, 14), textcoords="offset points")
    for kind, rate in arithmetic.items():
        axes.plot([rate / memory, right], [rate, rate], color="0.6", lw=1)
        label = f"{rate / 1e12:.2f} TFLOP/s {kind}"
        above = rate == max(arithmetic.values())
        axes.annotate(label, (rate / memory, rate), xytext=(12, 3 if above else -12), textcoords="offset points")
    for name, (marker, colour) in STYLES.items():
        mine = [k for k in kernels if k["kernel"] == name]
        if mine:
            x = [k["flops"] / k["bytes"] for k in mine]
            y = [k["flops"] / k["seconds"] for k in mine]
            axes.scatter(x, y, marker=marker, color=colour, label=name, s=26, alpha=0.8, linewidths=1.2)
    for k in kernels:
        if k["kernel"] not in STYLES:
            at = k["flops"] / k["bytes"], k["flops"] / k["seconds"]
            axes.scatter(*at, marker="^", color="tab:orange", s=26)
            side, shift = ("left", 6) if at[0] < (left * right) ** 0.5 else ("right", -6)
            axes.annotate(
                f"{k['kernel']}, {k['type']}", at, xytext=(shift, -3 if side == "right" else -9), textcoords="offset points", fontsize=8, ha=side
            )
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(left, right),
        xlabel="operations a byte of weights, codes or matrices",
        ylabel="operations a second",
        title=f"{run['shape']} on {device(run)}\n{run['program']}",
    )
    axes.grid(True, which="major", color="0.9")
    axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    # no date and fixed ids: equal figures give equal bytes
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", help="JSON of bench kernels")
    parser.add_argument("svg", help="where the drawing goes")
    arguments = parser.parse_args()
    plt.rcParams["svg.hashsalt"] = "roofline"
    with open(arguments.kernels, encoding="utf-8") as file:
        draw(json.load(file), arguments.svg)


if __name__ == "__main__":
    main()
