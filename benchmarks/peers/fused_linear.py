"""Losses from hidden states and a head's weight in PyTorch: what FusedLinearBenchmark is compared with.

    python fused_linear.py PEER CASE [--threads N] [--rounds N] [--budget MIB] [--shape SEQ TOKENS H V]
                           [--dtype Float|BFloat16] [--csv FILE]

PEER   liger       the head in chunks of one pair (DPO) or one sequence (GRPO), each chunk's gradients taken
                   at once by autograd and added up: the way of Liger's chunked losses
       checkpoint  the head in chunks of tokens whose logits fit the budget, recomputed in the backward pass
       trl         all logits at once, gathered minus logsumexp: the way of TRL's trainers
CASE   dpo_trainable, dpo_frozen: sigmoid loss of one pair, reference log-probs from reference hidden states
       grpo_trainable, grpo_frozen: clipped token-level loss, old log-probs given, no reference
       A frozen weight (LoRA) gets no gradient.

Appends the median of the seconds, and the peak resident MiB beyond what stood before the first call (gradients
included), to the results CSV. Only torch is needed.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from peer_results import record

BETA = 0.1
CLIP = 0.2


def kib(name):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise OSError(name)


def token_log_probs(hidden, weight, targets):
    logits = (hidden @ weight.t()).float()
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return chosen - logits.logsumexp(-1)


def log_softmax_probs(hidden, weight, targets):
    logits = hidden @ weight.t()
    return F.log_softmax(logits.float(), dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


class Problem:
    def __init__(self, case, shape, dtype):
        sequences, tokens, width, vocab = shape
        generator = torch.Generator().manual_seed(7)
        self.dpo = case.startswith("dpo")
        self.trainable = case.endswith("trainable")
        self.weight = (torch.randn(vocab, width, generator=generator) * 0.02).to(dtype)
        self.weight.requires_grad_(self.trainable)
        self.hidden = torch.randn(sequences, tokens, width, generator=generator).to(dtype).requires_grad_()
        self.reference = torch.randn(sequences, tokens, width, generator=generator).to(dtype)
        self.targets = torch.randint(vocab, (sequences, tokens), generator=generator)
        self.old = torch.full((sequences, tokens), -12.0)
        self.advantages = torch.tensor([1.0, -1.0] * (sequences // 2))

    def dpo_loss(self, log_probs, reference):
        ratio = (log_probs - reference).sum(-1)
        half = ratio.shape[0] // 2
        return -F.logsigmoid(BETA * (ratio[:half] - ratio[half:])).mean()

    def grpo_loss(self, log_probs, rows=slice(None)):
        ratio = torch.exp(log_probs - self.old[rows])
        advantages = self.advantages[rows].unsqueeze(1)
        clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
        token_loss = -torch.minimum(ratio * advantages, clipped * advantages)
        return token_loss.mean(-1).sum() / self.hidden.shape[0]


def liger(problem):
    sequences = problem.hidden.shape[0]
    half = sequences // 2
    chunks = (
        [[pair, half + pair] for pair in range(half)] if problem.dpo else [[row] for row in range(sequences)]
    )
    d_hidden = torch.empty_like(problem.hidden)
    d_weight = torch.zeros_like(problem.weight) if problem.trainable else None
    total = torch.zeros(())
    for rows in chunks:
        hidden = problem.hidden.detach()[rows].requires_grad_()
        targets = problem.targets[rows]
        log_probs = log_softmax_probs(hidden, problem.weight, targets)
        if problem.dpo:
            with torch.no_grad():
                reference = log_softmax_probs(problem.reference[rows], problem.weight, targets)
            loss = problem.dpo_loss(log_probs, reference) / len(chunks)
        else:
            loss = problem.grpo_loss(log_probs, rows)
        inputs = [hidden] + ([problem.weight] if problem.trainable else [])
        gradients = torch.autograd.grad(loss, inputs)
        d_hidden[rows] = gradients[0]
        if problem.trainable:
            d_weight += gradients[1]
        total += loss.detach()
    problem.hidden.grad = d_hidden
    problem.weight.grad = d_weight
    return total


def in_token_chunks(problem, hidden, rows, recompute):
    flat, targets = hidden.reshape(-1, hidden.shape[-1]), problem.targets.reshape(-1)
    parts = []
    for first in range(0, targets.shape[0], rows):
        arguments = (flat[first : first + rows], problem.weight, targets[first : first + rows])
        if recompute:
            parts.append(checkpoint(token_log_probs, *arguments, use_reentrant=False))
        else:
            parts.append(token_log_probs(*arguments))
    return torch.cat(parts).view(problem.targets.shape)


def checkpointed(problem, budget):
    rows = max(1, budget * 2**20 // (problem.weight.element_size() * problem.weight.shape[0]))
    log_probs = in_token_chunks(problem, problem.hidden, rows, True)
    if problem.dpo:
        with torch.no_grad():
            reference = in_token_chunks(problem, problem.reference, rows, False)
        loss = problem.dpo_loss(log_probs, reference)
    else:
        loss = problem.grpo_loss(log_probs)
    loss.backward()
    return loss.detach()


def trl(problem):
    log_probs = token_log_probs(problem.hidden, problem.weight, problem.targets)
    if problem.dpo:
        with torch.no_grad():
            reference = token_log_probs(problem.reference, problem.weight, problem.targets)
        loss = problem.dpo_loss(log_probs, reference)
    else:
        loss = problem.grpo_loss(log_probs)
    loss.backward()
    return loss.detach()


def step(peer, problem, budget):
    if peer == "liger":
        return liger(problem)
    return checkpointed(problem, budget) if peer == "checkpoint" else trl(problem)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["liger", "checkpoint", "trl"])
    parser.add_argument("case", choices=["dpo_trainable", "dpo_frozen", "grpo_trainable", "grpo_frozen"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=256)
    parser.add_argument("--dtype", choices=["Float", "BFloat16"], default="Float")
    parser.add_argument("--csv", default="results.csv")
    parser.add_argument("--shape", type=int, nargs=4, default=[2, 512, 512, 151936])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype = dict(Float=torch.float32, BFloat16=torch.bfloat16)[options.dtype]
    step(options.peer, Problem(options.case, [4, 8, 64, 1024], dtype), 1)  # what the libraries load once
    problem = Problem(options.case, options.shape, dtype)
    torch.mm(problem.reference[0], problem.weight.detach()[:1024].t())
    before = kib("VmRSS")
    seconds = []
    for _ in range(options.rounds):
        problem.hidden.grad = problem.weight.grad = None
        start = time.perf_counter()
        loss = step(options.peer, problem, options.budget)
        seconds.append(time.perf_counter() - start)
    extra = (kib("VmHWM") - before) / 1024
    benchmark = f"FusedLinearBenchmark.pytorch{options.peer.capitalize()}"
    parameters = dict(case=options.case, dtype=options.dtype, threads=options.threads)
    runtime, median = f"PyTorch {torch.__version__}", statistics.median(seconds)
    record(options.csv, benchmark, parameters, median, median - min(seconds), runtime, unit="s/op")
    record(options.csv, benchmark, parameters, extra, 0, runtime, metric="memory", unit="MiB")
    print(f"{benchmark} {parameters}: {median:.3f} s, {extra:.0f} MiB, loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
