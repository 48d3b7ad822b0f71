"""Writes pair_golden.json: pair losses by TRL 1.13's own source lines and methods, in double precision.

The policy is a distribution over two tokens whose first has the log-prob under test, so that TRL's way through logits
(log-probs, cross-entropy, WPO's weights) and ours, which starts at log-probs, are functions of the same numbers. Run by
hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0 datasets peft
    python pair_golden.py > pair_golden.json
"""

import json
import math
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import trl
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer
from trl.trainer import dpo_trainer
from trl.trainer.utils import selective_log_softmax
from trl_golden import lines_between, numbers

assert trl.__version__.startswith("1.13"), trl.__version__
PAIRS, TOKENS = 4, 5
METHOD = dpo_trainer.DPOTrainer._compute_loss
POLICY = lines_between(METHOD, "input_ids =", "if self.precompute_ref_logps")
REFERENCE = lines_between(METHOD, "ref_shift_logits =", "# Get the log ratios")
# The dtypes alone: TRL's table has no double, and its exponentials are taken in float.
LOSS = (
    lines_between(METHOD, "chosen_logratios =", "if self.aux_loss_enabled")
    .replace("torch.float32: 80.0", "torch.float64: 80.0")
    .replace(".float()", ".double()")
)


def logits_of(log_probs):
    """[rows, tokens + 1, 2]; TRL drops the last position."""
    logits = torch.stack([log_probs, torch.log(-torch.expm1(log_probs))], -1)
    return torch.cat([logits, torch.zeros(len(logits), 1, 2)], 1)


def dpo(policy, reference, mask, options):
    prompt = torch.zeros(2 * PAIRS, 1)
    scope = dict(
        torch=torch, F=F, math=math, device="cpu", selective_log_softmax=selective_log_softmax,
        outputs=SimpleNamespace(logits=logits_of(policy)), ref_outputs=SimpleNamespace(logits=logits_of(reference)),
        inputs=dict(input_ids=torch.zeros(2 * PAIRS, TOKENS + 1, dtype=torch.long),
                    completion_mask=torch.cat([prompt, mask], 1).long()),
        self=SimpleNamespace(
            f_divergence_type=options["divergence"], f_alpha_divergence_coef=options["divergence_alpha"],
            loss_types=options["kinds"], loss_weights=options["weights"], beta=options["beta"],
            ld_alpha=options["ld_alpha"], label_smoothing=options["label_smoothing"],
            use_weighting=options["weighting"], args=SimpleNamespace(discopop_tau=options["tau"]),
        ),
    )
    exec(POLICY, scope)
    exec(REFERENCE, scope)
    exec(LOSS, scope)
    if options["weighting"]:
        options["pair_weights"] = numbers((scope["chosen_weights"] * scope["rejected_weights"]).detach())
    return scope["loss"]


def labelled(policy, mask):
    labels = torch.zeros(2 * PAIRS, TOKENS + 1, dtype=torch.long)
    labels[:, 0] = -100
    labels[:, 1:][mask == 0] = -100
    return logits_of(policy), labels


def likelihood(logits, labels):
    return F.cross_entropy(logits[:PAIRS, :-1].reshape(-1, 2), labels[:PAIRS, 1:].reshape(-1))


def cpo(policy, mask, options, trl_type):
    logits, labels = labelled(policy, mask)
    average = trl_type in ["ipo", "simpo"]
    log_probs = CPOTrainer.get_batch_logps(logits, labels, average_log_prob=average)
    trainer = SimpleNamespace(
        alpha=options["alpha_po"], beta=options["beta"], loss_type=trl_type, simpo_gamma=options["gamma"],
        label_smoothing=options["label_smoothing"], accelerator=SimpleNamespace(device="cpu"))
    losses, _, _ = CPOTrainer.cpo_loss(trainer, log_probs[:PAIRS], log_probs[PAIRS:])
    cpo_alpha = options["weights"][1] if len(options["weights"]) > 1 else 0
    return losses.mean() + cpo_alpha * likelihood(logits, labels)


def orpo(policy, mask, options):
    logits, labels = labelled(policy, mask)
    log_probs = ORPOTrainer.get_batch_logps(logits, labels, average_log_prob=True)
    trainer = SimpleNamespace(beta=options["beta"], accelerator=SimpleNamespace(device="cpu"))
    losses = ORPOTrainer.odds_ratio_loss(trainer, log_probs[:PAIRS], log_probs[PAIRS:])[0]
    return likelihood(logits, labels) - losses.mean()


def options_of(kinds, **changes):
    return dict(dict(kinds=kinds, weights=[1.0] * len(kinds), beta=0.1, label_smoothing=0.0, divergence="reverse_kl",
                     divergence_alpha=0.5, ld_alpha=None, weighting=False, gamma=0.5, alpha_po=0.0, tau=0.05,
                     tolerance=1e-12), **changes)


def dpo_cases():
    """Every pair of values of kind, beta, divergence, ld_alpha, smoothing and weighting that TRL takes together."""
    with_divergence = ["sigmoid", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft", "sigmoid_norm"]
    others = ["nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down"]
    divergences = ["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]
    smoothed = ["exo_pair", "robust", "aot", "aot_unpaired"]
    for k, kind in enumerate(with_divergence + others):
        for i in range(4):
            yield options_of(
                [kind], beta=[0.1, 0.5][i % 2], divergence=divergences[i] if kind in with_divergence else "reverse_kl",
                divergence_alpha=[0.5, 1.5, 1.0][k % 3], ld_alpha=[None, 0.5, 0.0][(i + k) % 3],
                label_smoothing=0.1 + 0.1 * (i % 2) if kind in smoothed else 0.0,
                weighting="aot" not in kind and (i + k) % 2 == 1, tau=[0.05, 0.5][k % 2])
    yield options_of(["sigmoid", "bco_pair", "sft"], weights=[0.8, 0.2, 1.0])
    yield options_of(["sigmoid", "sft"], weights=[1.0, 0.25], weighting=True)
    yield options_of(["aot", "aot_unpaired", "apo_zero"], weights=[0.5, -0.25, 2.0], label_smoothing=0.1)
    yield options_of(["ipo", "hinge", "robust"], label_smoothing=0.2, divergence="js_divergence", ld_alpha=0.3)


def main():
    torch.manual_seed(20240614)
    random = lambda: -0.05 - 3 * torch.rand(2 * PAIRS, TOKENS)
    mask = (torch.rand(2 * PAIRS, TOKENS) < 0.7).double()
    mask[:, 0] = 1
    cases = []

    def add(options, loss_of):
        policy = random().requires_grad_()
        reference = random()
        loss = loss_of(policy, reference)
        loss.backward()
        cases.append(dict(options, policy=numbers(policy), reference=numbers(reference), loss=loss.item(),
                          gradient=numbers(policy.grad)))

    for options in dpo_cases():
        add(options, lambda p, r: dpo(p, r, mask, options))
    without_reference = dict(no_reference=True)
    for beta, smoothing in ((0.1, 0.0), (2.0, 0.0), (0.5, 0.2)):
        for options, trl_type in (
            (options_of(["cpo", "sft"], weights=[1.0, 0.7]), "sigmoid"), (options_of(["hinge", "sft"]), "hinge"),
            (options_of(["simpo"]), "simpo"), (options_of(["simpo", "sft"], gamma=0.2), "simpo"),
            (options_of(["simpo"], alpha_po=0.25), "simpo"), (options_of(["simpo"], alpha_po=-0.5, gamma=0.1), "simpo"),
        ):
            options = dict(options, beta=beta, label_smoothing=0.0 if trl_type == "hinge" else smoothing,
                           **without_reference)
            add(options, lambda p, r: cpo(p, mask, options, trl_type))
        # odds_ratio_loss works in float.
        options = options_of(["sft", "orpo"], beta=beta, tolerance=1e-6, **without_reference)
        add(options, lambda p, r: orpo(p, mask, options))
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"trl": "{trl.__version__}", "mask": {json.dumps(numbers(mask))}, "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
