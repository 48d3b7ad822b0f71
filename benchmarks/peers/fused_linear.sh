#!/usr/bin/env bash
# FusedLinear and its peers over all cases, interleaved, each call in a process of its own; appends to the
# results CSV. Needs benchmarks/target/benchmarks.jar (mvn package) and a Python with torch.
#
#   PYTHON=/path/to/python CSV=results.csv benchmarks/peers/fused_linear.sh [threads ...]     (default: 1 2)
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
rounds=${ROUNDS:-3}
csv=${CSV:-results.csv}
commit=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)

peer() { "$python" benchmarks/peers/fused_linear.py "$1" "$2" --threads "$3" --rounds "$rounds" --csv "$csv"; }
equipoise() {
  java -Dequipoise.csv="$csv" -Dequipoise.commit="$commit" -jar benchmarks/target/benchmarks.jar \
    fused-linear "$1" "$2" "$rounds" "$3"
}

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
