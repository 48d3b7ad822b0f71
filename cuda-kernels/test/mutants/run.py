#!/usr/bin/env python3
"""Mutants of the CUDA kernels, made by rule, run over the execution model.

  run.py BUILD [--every N] [--offset K] [--file NAME]

BUILD is a CMake build folder with cuda-conformance and cuda-traffic. Every mutant changes one place of one
kernel file; it is killed when it does not compile, when the short conformance run of its family or the
traffic test fails, or when it runs longer than the time limit. Survivors must be listed in equivalent.txt
with the argument why no input can show the change; the exit code says whether they all are.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.normpath(os.path.join(HERE, "..", ".."))
NATIVE = os.path.normpath(os.path.join(KERNELS, "..", "native"))
TIME_LIMIT_SECONDS = 300

# file -> conformance families that run it
FAMILIES = {
    "token_log_probs.cu": ["token_log_probs"],
    "perturbation.cu": ["linf_step", "uniform_start", "eight_bit"],
    "pair_loss.cu": ["pair_loss"],
    "policy_loss.cu": ["policy_loss"],
    "group_advantage.cu": ["group_advantage"],
    "reduce.h": ["pair_loss", "group_advantage", "linf_step"],
    "vector.h": ["token_log_probs", "linf_step"],
}

# what -> replacement; applied at every place of the code, one at a time
RULES = [
    (r"__syncthreads\(\);", ";"),
    (r"\bkAllLanes\b(?!\s*=)", "0x7fffffffu"),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r"<=", "<"),
    (r">=", ">"),
    (r"==", "!="),
    (r"!=", "=="),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"\+ 1\b(?!\.)", "+ 2"),
    (r"- 1\b(?!\.)", "- 0"),
    (r"\blanes = 16\b", "lanes = 8"),
    (r"% 32 == 0", "% 16 == 0"),
    (r"\+=", "-="),
    (r"\bcontinue;", ";"),
]


def code_lines(text):
    """Numbers of the lines that hold code: no comments, preprocessor lines, templates or declarations."""
    for number, line in enumerate(text.split("\n")):
        code = line.split("//")[0]
        stripped = code.strip()
        if not stripped or stripped.startswith(("#", "template", "static_assert", "using", "extern", "EQP_KERNEL")):
            continue
        yield number, code


def mutants_of(name, text):
    lines = text.split("\n")
    for number, code in code_lines(text):
        for pattern, replacement in RULES:
            for match in re.finditer(pattern, code):
                mutated = code[:match.start()] + replacement + code[match.end():]
                changed = lines[:number] + [mutated + lines[number][len(code):]] + lines[number + 1:]
                yield name, number + 1, code.strip(), mutated.strip(), "\n".join(changed)


def run(command, **options):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIME_LIMIT_SECONDS, **options).returncode
    except subprocess.TimeoutExpired:
        return 124


def killed_by(build, folder, name, text):
    shutil.copytree(KERNELS, os.path.join(folder, "kernels"), ignore=shutil.ignore_patterns("test", "*.md"))
    with open(os.path.join(folder, "kernels", name), "w") as file:
        file.write(text)
    model = os.path.join(build, "model")
    includes = ["-I" + os.path.join(folder, "kernels"), "-I" + os.path.join(KERNELS, "test"),
                "-I" + os.path.join(NATIVE, "src"), "-I" + os.path.join(NATIVE, "include"),
                "-isystem", os.environ.get("CUDA_INCLUDES", "/usr/local/cuda/include")]
    flags = ["-std=c++17", "-fPIC", "-DEQP_CUDA_MODEL", "-O1", "-fno-tree-sra", "-fno-threadsafe-statics",
             "-ffp-contract=off", "-w", "-fvisibility=hidden"]
    sources = [f for f in FAMILIES if f.endswith(".cu")]
    objects = []
    for source in sources + ["table.cpp", os.path.join(KERNELS, "test", "model", "library.cpp")]:
        base = os.path.basename(source)
        changed = base == name or (name.endswith(".h") and base.endswith(".cu"))
        cached = os.path.join(build, "mutants", base + ".o")
        target = os.path.join(folder, base + ".o") if changed else cached
        if changed or not os.path.exists(cached):
            path = source if os.path.isabs(source) else os.path.join(folder if changed else KERNELS, "kernels" if changed else "", source)
            instrument = ["-fsanitize=thread"] if base.endswith(".cu") else []
            used = includes if changed else ["-I" + KERNELS] + includes[1:]
            if run(["g++", "-x", "c++", *flags, *instrument, *used, "-c", path, "-o", target]) != 0:
                return "compiler"
        objects.append(target)
    for library in ("libequipoise.so", "libequipoise_model.so"):
        os.symlink(os.path.realpath(os.path.join(model, library)), os.path.join(folder, library))
    if run(["g++", "-shared", *objects, "-o", os.path.join(folder, "libequipoise_cuda.so"),
            "-L" + folder, "-lequipoise_model"]) != 0:
        return "compiler"
    environment = dict(os.environ, LD_LIBRARY_PATH=folder)
    for family in FAMILIES[name]:
        if run([os.path.join(build, "bin", "cuda-conformance"), "--short", "--filter", family], env=environment) != 0:
            return family
    if run([os.path.join(build, "bin", "cuda-traffic")], env=environment) != 0:
        return "traffic"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--file")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    os.makedirs(os.path.join(build, "mutants"), exist_ok=True)
    with open(os.path.join(HERE, "equivalent.txt")) as file:
        equivalent = {tuple(line.rstrip("\n").split(" | ")[:3]) for line in file if line.count(" | ") >= 3}
    mutants = []
    for name in FAMILIES:
        if arguments.file in (None, name):
            with open(os.path.join(KERNELS, name)) as file:
                mutants += mutants_of(name, file.read())
    chosen = mutants[arguments.offset::arguments.every]
    if arguments.list:
        for name, number, before, after, _ in chosen:
            print(f"{name}:{number}: {before}  ->  {after}")
        print(len(chosen))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if killed_by(build, folder, "token_log_probs.cu", open(os.path.join(KERNELS, "token_log_probs.cu")).read()):
            print("the kernels fail without any mutation")
            return 1
    counts = {"killed": 0, "equivalent": 0, "survived": 0}
    for name, number, before, after, text in chosen:
        with tempfile.TemporaryDirectory() as folder:
            killer = killed_by(build, folder, name, text)
        if killer is not None:
            verdict = "killed"
        elif (name, before, after) in equivalent:
            verdict = "equivalent"
        else:
            verdict = "survived"
        counts[verdict] += 1
        if verdict == "survived":
            print(f"SURVIVED {name} | {before} | {after} | line {number}", flush=True)
    print(f"{len(chosen)} of {len(mutants)} mutants: {counts['killed']} killed, {counts['equivalent']} equivalent, "
          f"{counts['survived']} survived")
    return 0 if counts["survived"] == 0 and chosen else 1


if __name__ == "__main__":
    sys.exit(main())
