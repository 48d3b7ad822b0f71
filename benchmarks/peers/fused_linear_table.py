"""The Markdown table of results/fused_linear.csv, for benchmarks/README.md: python fused_linear_table.py [CSV]"""

import csv
import sys
from pathlib import Path

FILE = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "results" / "fused_linear.csv"


def main():
    with open(FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    print("| Case | Threads | Implementation | Budget MiB | Seconds | Its products | Ratio | Extra MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda r: (r["threads"], r["case"])):
        print(
            f"| {row['case']} | {row['threads']} | {row['implementation']} | {row['budget_mib']} | {row['seconds']} "
            f"| {row['products'] or ''} | {row['ratio'] or ''} | {row['extra_mib']} |"
        )


if __name__ == "__main__":
    main()
