#!/usr/bin/env python3
"""How spark-compress scales: measured on one and two workers, simulated on more from the measured task times.

    scaling.py measure ONE TWO EIGHT FACTOR >scaling.json
    scaling.py table scaling.json
    scaling.py draw scaling.json >scaling.svg

ONE and TWO are Spark's event logs of the same job on one and on two workers, EIGHT is one of the same calibration in eight
shares; `measure` beside this file makes them.

A job is stages one after the other, with the driver's own work between them. A stage's tasks start in the plan's order,
costliest first, each on the slot that is free first: that is what Spark does, so it is what is simulated. A task takes the
processor time that it took when it was measured, whatever else kept the machine busy, and the median pause between two tasks on
one executor. FACTOR repeats the tasks of layers, for a job that was measured on some layers of a model. The calibration has
2, 4 or 8 shares, as Spark counts two slots at least; a share's Grams, and its gradients, take a + b / shares, and adding up a
layer a + b shares, each from the measurements with two shares and with eight. What is not simulated: starting executors.
"""
import heapq
import json
import math
import statistics
import sys

WORKERS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
FEWEST_SHARES = 2
MOST_SHARES = 8
KINDS = ("calibrating", "adding up", "weighing", "factorising")


def read(log):
    """Stages in order: kind, span in seconds, processor seconds of each task in the order of the plan; and the driver's part."""
    stages, application = {}, {}
    for line in open(log):
        event = json.loads(line)
        kind = event["Event"]
        if kind == "SparkListenerApplicationStart":
            application["begin"] = event["Timestamp"]
        elif kind == "SparkListenerApplicationEnd":
            application["end"] = event["Timestamp"]
        elif kind == "SparkListenerJobStart":
            stages[event["Stage IDs"][0]] = {
                "title": event["Properties"]["spark.job.description"], "begin": event["Submission Time"], "tasks": {}, "slots": {}}
        elif kind == "SparkListenerJobEnd":
            stages[event["Job ID"]]["end"] = event["Completion Time"]
        elif kind == "SparkListenerTaskEnd":
            info = event["Task Info"]
            stage = stages[event["Stage ID"]]
            if not info["Failed"] and not info["Killed"]:
                metrics = event["Task Metrics"]
                stage["tasks"][info["Index"]] = (metrics["Executor CPU Time"] + metrics["Executor Deserialize CPU Time"]) / 1e9
            stage["slots"].setdefault(info["Executor ID"], []).append((info["Launch Time"], info["Finish Time"]))
    result, gaps = [], []
    for stage in stages.values():
        for runs in stage["slots"].values():
            runs.sort()
            gaps += [max(0, b[0] - a[1]) / 1000 for a, b in zip(runs, runs[1:])]
        kind = next((kind for kind in KINDS if kind in stage["title"].split(":")[0]), None)
        result.append({"kind": kind, "seconds": (stage["end"] - stage["begin"]) / 1000,
                       "tasks": [stage["tasks"][i] for i in sorted(stage["tasks"])]})
    wall = (application["end"] - application["begin"]) / 1000
    result = [stage for stage in result if stage["kind"]]  # the rest, asking what tasks compute with, is the driver's
    return {"wall": wall, "driver": wall - sum(stage["seconds"] for stage in result), "gap": statistics.median(gaps),
            "stages": result}


def schedule(tasks, slots, gap):
    """(seconds until all are done, seconds in which some slot has nothing left to do)."""
    free = [0.0] * min(slots, len(tasks))
    begun_last = 0.0
    for task in tasks:
        begun_last = free[0]
        heapq.heapreplace(free, free[0] + task + gap)
    end = max(free, default=0.0)
    return end, end - (begun_last if slots <= len(tasks) else 0.0)


def stage(data, run, kind):
    return next((s for s in data[run]["stages"] if s["kind"] == kind), None)


def parts(data, run):
    """Mean seconds of the Grams of a share and of its gradients, costlier first, which is the order of the tasks; and shares."""
    tasks = stage(data, run, "calibrating")["tasks"]
    shares = len(tasks) // 2
    return [statistics.mean(tasks[:shares]), statistics.mean(tasks[shares:])], shares


def line(x1, y1, x2, y2):
    """(a, b) of y = a + b x through two points; measured noise must not make either negative."""
    b = max(0.0, (y2 - y1) / (x2 - x1))
    a = max(0.0, y1 - b * x1)
    return a, b


def calibration(data):
    """(a, b) of a share's Grams and of its gradients over 1 / shares, and of adding up a layer over shares."""
    (few, n1), (many, n2) = parts(data, "one"), parts(data, "eight")
    assert (n1, n2) == (FEWEST_SHARES, MOST_SHARES), f"measured {n1} and {n2} shares, expected {FEWEST_SHARES} and {MOST_SHARES}"
    layer = [statistics.mean(stage(data, run, "adding up")["tasks"]) for run in ("one", "eight")]
    return [line(1 / n2, t2, 1 / n1, t1) for t1, t2 in zip(few, many)], line(n1, layer[0], n2, layer[1])


def simulate(data, workers):
    factor, gap = data["factor"], data["two"]["gap"]
    shares = max(FEWEST_SHARES, min(MOST_SHARES, 1 << (workers.bit_length() - 1)))
    of_share, of_layer = calibration(data)
    tasks = [a + b / shares for a, b in of_share for _ in range(shares)]
    layers = [of_layer[0] + of_layer[1] * shares] * len(stage(data, "one", "adding up")["tasks"])
    seconds = {"driver": data["one"]["driver"], "calibrating": schedule(tasks, workers, gap)[0],
               "adding up": schedule(layers, workers, gap)[0]}
    tail = {}
    for kind in ("weighing", "factorising"):
        tasks = [t for t in stage(data, "one", kind)["tasks"] for _ in range(factor)]
        seconds[kind], tail[kind] = schedule(tasks, workers, gap)
    return {"workers": workers, "seconds": seconds, "total": sum(seconds.values()), "tail": tail}


def rows(data):
    simulated = [simulate(data, workers) for workers in WORKERS]
    for row in simulated:
        row["speedup"] = simulated[0]["total"] / row["total"]
    return simulated


def table(data):
    one, two = data["one"]["wall"], data["two"]["wall"]
    print(f"measured: {one:.1f} s on one worker, {two:.1f} s on two, speed-up {one / two:.2f}")
    for run in ("one", "two"):
        cpu = {s["kind"]: sum(s["tasks"]) for s in data[run]["stages"]}
        wall = {s["kind"]: s["seconds"] for s in data[run]["stages"]}
        print(f"{run}: driver {data[run]['driver']:.1f} s; " + "; ".join(
            f"{kind} {wall[kind]:.1f} s, of which tasks computed {cpu[kind]:.1f} s" for kind in KINDS if kind in wall))
    for name, (a, b) in zip(("costlier", "other"), calibration(data)[0]):
        print(f"{name} part of a share: {a:.1f} s + {b:.1f} s / shares")
    print("| workers | driver | calibrating | adding up | weighing | factorising | total | speed-up | tail of factorising |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows(data):
        s = row["seconds"]
        print(f"| {row['workers']} | {s['driver']:.1f} | {s['calibrating']:.1f} | {s['adding up']:.1f} | {s['weighing']:.1f} | "
              f"{s['factorising']:.1f} | {row['total']:.1f} s | {row['speedup']:.1f} | {row['tail']['factorising']:.1f} s |")


def draw(data):
    width, height, left, bottom, top = 640, 420, 60, 50, 20
    span = len(WORKERS) - 1
    x = lambda workers: left + (workers.bit_length() - 1) * (width - left - 20) / span
    y = lambda speedup: height - bottom - math.log2(speedup) * (height - bottom - top) / span
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for workers in WORKERS:
        out.append(f'<path d="M{x(workers):.1f} {top}V{height - bottom}M{left} {y(workers):.1f}H{width - 20}" stroke="#ddd"/>')
        out.append(f'<text x="{x(workers):.1f}" y="{height - bottom + 16}" text-anchor="middle">{workers}</text>')
        out.append(f'<text x="{left - 6}" y="{y(workers) + 4:.1f}" text-anchor="end">{workers}</text>')
    path = lambda points: "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    series = [("linear", "#999", [(w, w) for w in WORKERS], "4 3"), ("whole job, simulated", "#c0392b", [], ""),
              ("weighing and factorising alone, simulated", "#2471a3", [], "")]
    simulated = rows(data)
    alone = [r["seconds"]["weighing"] + r["seconds"]["factorising"] for r in simulated]
    series[1][2].extend((r["workers"], r["speedup"]) for r in simulated)
    series[2][2].extend((r["workers"], alone[0] / t) for r, t in zip(simulated, alone))
    for i, (name, colour, points, dash) in enumerate(series):
        out.append(f'<path d="{path([(x(w), y(s)) for w, s in points])}" fill="none" stroke="{colour}" stroke-width="2"'
                   + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")
        out.append(f'<text x="{left + 14}" y="{top + 18 + 18 * i}" fill="{colour}">{name}</text>')
    for workers, run in ((1, "one"), (2, "two")):
        out.append(f'<circle cx="{x(workers):.1f}" cy="{y(data["one"]["wall"] / data[run]["wall"]):.1f}" r="4" fill="black"/>')
    out.append(f'<text x="{left + 14}" y="{top + 72}">● whole job, measured</text>')
    out.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 12}" text-anchor="middle">workers of one thread</text>')
    out.append(f'<text x="16" y="{height / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {height / 2:.0f})">speed-up</text>')
    out.append("</svg>")
    print("\n".join(out))


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "measure":
        print(json.dumps({"factor": int(arguments[3]), **{
            run: read(log) for run, log in zip(("one", "two", "eight"), arguments)}}, indent=1))
    else:
        {"table": table, "draw": draw}[command](json.load(open(arguments[0])))


if __name__ == "__main__":
    main()
