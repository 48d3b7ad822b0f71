#!/usr/bin/env bash
# FusedLinear and its peers over all cases, interleaved, each call in a process of its own; appends to
# ../results/fused_linear.csv. Needs benchmarks/target/benchmarks (mvn package) and a Python with torch.
#
#   PYTHON=/path/to/python benchmarks/peers/fused_linear.sh [threads ...]     (default: 1 2)
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
rounds=${ROUNDS:-3}
csv=${CSV:-benchmarks/results/fused_linear.csv}
mkdir -p "$(dirname "$csv")"
[ -s "$csv" ] || echo "implementation,case,threads,budget_mib,seconds,fastest,extra_mib,loss,products,products_fastest,ratio" > "$csv"

peer() { "$python" benchmarks/peers/fused_linear.py "$1" "$2" --threads "$3" --rounds "$rounds" >> "$csv"; }
equipoise() { java @benchmarks/target/benchmarks fused-linear "$1" "$2" "$rounds" "$3" | grep ^equipoise >> "$csv"; }

for threads in ${@:-1 2}; do
  for case in dpo_trainable dpo_frozen grpo_trainable grpo_frozen; do
    equipoise "$case" "$threads" 256
    peer liger "$case" "$threads"
    equipoise "$case" "$threads" 64
    peer checkpoint "$case" "$threads"
    equipoise "$case" "$threads" 1024
    peer trl "$case" "$threads"
  done
done
