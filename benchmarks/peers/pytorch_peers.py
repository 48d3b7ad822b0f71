"""Times what PyTorch and TRL do where Equipoise has a kernel, on the shapes of the JMH benchmarks.

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0
    python pytorch_peers.py [results.csv [threads]]

One thread unless said otherwise. Each entry is named like the JMH benchmark that it is compared with; of several formulations every
one is timed and the report takes the fastest.
"""

import math
import sys

import torch
import torch.nn.functional as F
import trl
from trl.trainer.utils import selective_log_softmax

from peer_results import milliseconds, record

CSV = sys.argv[1] if len(sys.argv) > 1 else "results.csv"
RUNTIME = f"PyTorch {torch.__version__} TRL {trl.__version__}".replace(",", " ")
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.set_num_threads(THREADS)
torch.manual_seed(7)


def note(benchmark, parameters, function, unit="ms/op"):
    scale = dict(ms=1, us=1e3)[unit.split("/")[0]]
    median, spread = milliseconds(function)
    parameters = dict(parameters, threads=THREADS)
    record(CSV, benchmark, parameters, median * scale, spread * scale, RUNTIME, unit=unit)


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


def policy_loss(sequences, tokens):
    """Loss and gradient: as TRL writes it, and with as few passes as we found. Without metrics."""
    base = -3 * torch.rand(sequences, tokens)
    old = base + 0.2 * torch.randn_like(base)
    reference = base + 0.2 * torch.randn_like(base)
    advantages = torch.randn(sequences, 1)
    mask = (torch.rand(sequences, tokens) > 0.1).float()
    lengths = mask.sum(1, keepdim=True)

    def mean(x):
        return (x * mask).sum(1, keepdim=True) / lengths

    def per_token(x):
        return (x * mask).sum() / mask.sum()

    def minimum(ratio):
        return -torch.min(ratio * advantages, torch.clamp(ratio, 0.8, 1.2) * advantages)

    def choice(ratio):
        return -advantages * torch.where(advantages > 0, ratio.clamp(max=1.2), ratio.clamp(min=0.8))

    def k3(x):
        return torch.exp(reference - x) - (reference - x) - 1

    def shared_ratio(x):
        return torch.exp(mean(x - old).detach() + x - x.detach())

    def held(x, weight):
        return -(weight.mul_(advantages).mul_(mask) * x).sum() / mask.sum()

    def sapo(x):
        tau = torch.where(advantages > 0, 1.0, 1.05)
        return mean(-advantages * torch.sigmoid(tau * (torch.exp(x - old) - 1)) * 4 / tau).mean()

    def sapo_terse(x):
        tau = torch.where(advantages > 0, 1.0, 1.05)
        return mean(torch.sigmoid(torch.exp(x - old) * tau - tau) * (advantages / tau * -4)).mean()

    def vespo_weight(x):
        with torch.no_grad():
            log_weight = ((x - old).clamp(-20, 20) * mask).sum(1, keepdim=True).clamp(math.log(1e-8), 20)
            k, decay = torch.where(advantages >= 0, 2.0, 3.0), torch.where(advantages >= 0, 3.0, 2.0)
            return torch.exp(decay + k * log_weight - decay * torch.exp(log_weight)).expand_as(x).clone()

    def gmpo(x):
        sign = torch.sign(advantages)
        log_ratio = sign * (x - old)
        bounded = sign * torch.min(log_ratio, log_ratio.clamp(-0.2, 0.2))
        return -(advantages * torch.exp(mean(bounded))).mean()

    def gmpo_terse(x):
        log_ratio = x - old
        bounded = torch.where(advantages > 0, log_ratio.clamp(max=0.2), log_ratio.clamp(min=-0.2))
        return -(advantages * torch.exp(mean(bounded))).mean()

    ways = {
        "GRPO": (lambda x: mean(minimum(torch.exp(x - old))).mean(),
                 lambda x: mean(choice(torch.exp(x - old))).mean()),
        "GRPO_KL": (lambda x: mean(minimum(torch.exp(x - old)) + 0.04 * k3(x)).mean(),
                    lambda x: mean(choice(torch.exp(x - old)) + 0.04 * k3(x)).mean()),
        "GSPO": (lambda x: mean(minimum(torch.exp(mean(x - old)))).mean(),
                 lambda x: minimum(torch.exp(mean(x - old))).mean()),
        "GSPO_TOKEN": (lambda x: mean(minimum(shared_ratio(x))).mean(),
                       lambda x: mean(choice(shared_ratio(x))).mean()),
        "CISPO": (lambda x: per_token(-torch.clamp(torch.exp(x - old), max=2.0).detach() * advantages * x),
                  lambda x: held(x, torch.exp(x.detach() - old).clamp_(max=2.0))),
        "SAPO": (sapo, sapo_terse),
        "VESPO": (lambda x: per_token(-vespo_weight(x) * advantages * x),
                  lambda x: held(x, vespo_weight(x.detach()))),
        "GMPO": (gmpo, gmpo_terse),
    }

    def backward(loss):
        loss(base.detach().requires_grad_(True)).backward()

    for name, (written, terse) in ways.items():
        parameters = dict(loss=name, sequences=sequences, tokens=tokens)
        note("PolicyLossBenchmark.pytorchTrl", parameters, lambda: backward(written), "us/op")
        note("PolicyLossBenchmark.pytorchTerse", parameters, lambda: backward(terse), "us/op")


def pair_loss(pairs, tokens):
    """DPO with reference, loss and gradient, from token log-probs."""
    policy = -3 * torch.rand(2, pairs, tokens)
    reference = policy + 0.2 * torch.randn_like(policy)
    mask = torch.rand(2, pairs, tokens) > 0.1
    weights = mask.float()

    def backward(sums):
        x = policy.detach().requires_grad_(True)
        chosen, rejected = sums(x)
        F.logsigmoid(0.1 * (chosen - rejected)).mean().neg().backward()

    def separate(x):
        return ((x * weights).sum(2) - (reference * weights).sum(2)).unbind(0)

    def joined(x):
        return torch.where(mask, x - reference, 0).sum(2).unbind(0)

    parameters = dict(pairs=pairs, tokens=tokens)
    note("PairLossBenchmark.pytorchTrlLoss", parameters, lambda: backward(separate), "us/op")
    note("PairLossBenchmark.pytorchJoinedLoss", parameters, lambda: backward(joined), "us/op")


def group_advantage(groups, size):
    rewards = torch.randn(groups * size)

    def trl_way():
        means = rewards.view(-1, size).mean(dim=1).repeat_interleave(size, dim=0)
        deviations = rewards.view(-1, size).std(dim=1).repeat_interleave(size, dim=0)
        return (rewards - means) / (deviations + 1e-4)

    def joined():
        deviation, mean = torch.std_mean(rewards.view(-1, size), dim=1, keepdim=True)
        return (rewards.view(-1, size) - mean).div_(deviation.add_(1e-4))

    parameters = dict(groups=groups, groupSize=size)
    note("GroupAdvantageBenchmark.pytorchTrl", parameters, trl_way, "us/op")
    note("GroupAdvantageBenchmark.pytorchStdMean", parameters, joined, "us/op")


def image_transforms(images):
    """Diffusion noise, the 15 x 15 blur of TI-FGSM, and a resizing with its gradient."""
    pixels = torch.rand(images, 3, 224, 224)
    gradient = torch.randn_like(pixels)
    out = torch.empty_like(pixels)
    one = torch.exp(-torch.linspace(-3, 3, 15) ** 2 / 2)
    one /= one.sum()
    square = torch.outer(one, one).expand(3, 1, 15, 15).contiguous()
    column, row = one.view(1, 1, 15, 1).expand(3, 1, 15, 1), one.view(1, 1, 1, 15).expand(3, 1, 1, 15)
    signal = 0.3006**0.5

    def noise():
        out.normal_().mul_((1 - signal**2) ** 0.5).add_(pixels, alpha=signal)

    def square_blur():
        return F.conv2d(gradient, square, padding=7, groups=3)

    def separable_blur():
        return F.conv2d(F.conv2d(gradient, column, padding=(7, 0), groups=3), row, padding=(0, 7), groups=3)

    def diversity():
        x = pixels.detach().requires_grad_(True)
        small = F.interpolate(x, size=[213, 213], mode="bilinear", align_corners=False)
        F.pad(small, [5, 6, 5, 6]).mul(gradient).sum().backward()

    parameters = dict(images=images)
    note("ImageTransformBenchmark.pytorchNoise", parameters, noise)
    note("ImageTransformBenchmark.pytorchSquareBlur", parameters, square_blur)
    note("ImageTransformBenchmark.pytorchSeparableBlur", parameters, separable_blur)
    note("ImageTransformBenchmark.pytorchResizeDiversity", parameters, diversity)


if __name__ == "__main__":
    for name, dtype in (("Float", torch.float32), ("BFloat16", torch.bfloat16)):
        token_log_probs(256, 32000, name, dtype)
        token_log_probs(256, 151936, name, dtype)
    linf_step(32)
    policy_loss(64, 1024)
    pair_loss(64, 1024)
    group_advantage(1024, 8)
    image_transforms(8)
