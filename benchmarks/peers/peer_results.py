"""The CSV that the JMH benchmarks append to, for what runs in Python."""

import csv
import datetime
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

HEADER = ("time,commit,processor,cpus,jdk,variant,benchmark,parameters,metric,unit,value,error").split(",")


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip().replace(",", " ")
    return platform.processor()


def record(file, benchmark, parameters, value, error, runtime, metric="time", unit="ms/op"):
    """Appends one line. `parameters`: a dict that must equal the JMH benchmark's to be compared with it."""
    folder = Path(__file__).parent
    commit = subprocess.run(["git", "-C", folder, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    text = ";".join(f"{key}={parameters[key]}" for key in sorted(parameters))
    exists = Path(file).exists()
    with open(file, "a", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        if not exists:
            writer.writerow(HEADER)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow([now, commit.stdout.strip() or "unknown", processor(), os.cpu_count(), runtime, "peer",
                         benchmark, text, metric, unit, f"{value:.4g}", f"{error:.3g}"])
    print(f"{benchmark:60} {text:40} {value:10.4g} {unit}")


def milliseconds(function, seconds=4.0, least=5):
    """Median and half the interquartile range of single calls, after two that warm up."""
    function()
    function()
    times = []
    begin = time.perf_counter()
    while len(times) < least or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1e3)
    quartiles = statistics.quantiles(times, n=4)
    return statistics.median(times), (quartiles[2] - quartiles[0]) / 2
