"""Times what PyTorch and TRL do where Equipoise has a kernel, on the shapes of the JMH benchmarks.

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0
    python pytorch_peers.py [results.csv]

One thread. Each entry is named like the JMH benchmark that it is compared with; of several formulations every
one is timed and the report takes the fastest.
"""

import sys

import torch
import torch.nn.functional as F
import trl
from trl.trainer.utils import selective_log_softmax

from peer_results import milliseconds, record

CSV = sys.argv[1] if len(sys.argv) > 1 else "results.csv"
RUNTIME = f"PyTorch {torch.__version__} TRL {trl.__version__}".replace(",", " ")
torch.set_num_threads(1)
torch.manual_seed(7)


def note(benchmark, parameters, function):
    record(CSV, benchmark, parameters, *milliseconds(function), RUNTIME)


def token_log_probs(rows, vocab, name, dtype):
    parameters = dict(rows=rows, vocab=vocab, dtype=name)
    logits = torch.randn(rows, vocab).to(dtype)
    targets = torch.randint(vocab, (rows,))

    def backward(log_probs):
        x = logits.detach().requires_grad_(True)
        log_probs(x).sum().backward()

    def cross_entropy(x):
        return -F.cross_entropy(x, targets, reduction="none")

    def trl_way(x):
        return selective_log_softmax(x, targets)

    for way, log_probs in (("Trl", trl_way), ("CrossEntropy", cross_entropy)):
        with torch.no_grad():
            note(f"TokenLogProbsBenchmark.pytorch{way}Forward", parameters, lambda: log_probs(logits))
        note(f"TokenLogProbsBenchmark.pytorch{way}ForwardBackward", parameters, lambda: backward(log_probs))


def linf_step(images):
    original = torch.rand(images, 3, 224, 224)
    pixels = original.clone()
    gradient = torch.randn_like(original)
    epsilon, step = 8 / 255, 2 / 255
    low, high = torch.empty_like(original), torch.empty_like(original)
    sign = torch.empty_like(original)

    def composed():
        stepped = pixels + step * gradient.sign()
        delta = torch.clamp(stepped - original, min=-epsilon, max=epsilon)
        pixels.copy_(torch.clamp(original + delta, min=0, max=1))

    def in_place():
        torch.sign(gradient, out=sign)
        pixels.add_(sign, alpha=step)
        torch.sub(original, epsilon, out=low)
        torch.add(original, epsilon, out=high)
        torch.maximum(pixels, low, out=pixels)
        torch.minimum(pixels, high, out=pixels).clamp_(0, 1)

    with torch.no_grad():
        note("LinfStepBenchmark.pytorchTorchattacksStep", dict(images=images), composed)
        note("LinfStepBenchmark.pytorchInPlaceStep", dict(images=images), in_place)


if __name__ == "__main__":
    for name, dtype in (("Float", torch.float32), ("BFloat16", torch.bfloat16)):
        token_log_probs(256, 32000, name, dtype)
        token_log_probs(256, 151936, name, dtype)
    linf_step(32)
