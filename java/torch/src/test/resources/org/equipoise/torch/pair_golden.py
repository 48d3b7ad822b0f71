"""Writes pair_golden.json: pair losses and gradients by TRL 1.13's own source lines and methods, in double precision.

TRL's DPO formulas live inside a long trainer method: this script cuts the lines that compute them out of the installed
source and runs them on small tensors, so nothing is retyped. Options are combined so that with every loss each pair of
values of two options that TRL allows occurs (greedy all-pairs, below). The policy is a distribution over two tokens whose first has the
log-prob under test, so that TRL's way through logits (log-probs, cross-entropy, WPO's weights) and ours, which starts
at log-probs, are functions of the same numbers. What TRL does not have is written here from its paper: label smoothing
of the sigmoid loss (cDPO, arXiv 2305.18290 appendix; Liger has it) and mDPO (arXiv 2406.11839, equations 3 to 5).
Run by hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0 datasets peft
    python pair_golden.py > pair_golden.json
"""

import inspect
import itertools
import json
import math
import random
import textwrap
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import trl
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo import orpo_trainer
from trl.trainer import dpo_trainer
from trl.trainer.utils import selective_log_softmax

assert trl.__version__.startswith("1.13"), trl.__version__
torch.set_default_dtype(torch.float64)
PAIRS, TOKENS = 4, 5
# Chosen answers, then rejected ones. Holes, and in the second an answer that is masked entirely.
MASKS = [
    torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [1, 0, 0, 0, 0], [0, 1, 1, 0, 1],
                  [1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]]).double(),
    torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 0, 1],
                  [1, 1, 1, 1, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]]).double(),
]


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


METHOD = dpo_trainer.DPOTrainer._compute_loss
POLICY = lines_between(METHOD, "input_ids =", "if self.precompute_ref_logps")
REFERENCE = lines_between(METHOD, "ref_shift_logits =", "# Get the log ratios")
# Its table of dtypes has no double, and its exponentials are taken in float. The weights are multiplied in place, which
# autograd refuses for hinge and sft: the product alone is kept.
LOSS = (
    lines_between(METHOD, "chosen_logratios =", "if self.aux_loss_enabled")
    .replace("torch.float32: 80.0", "torch.float64: 80.0")
    .replace(".float()", ".double()")
    .replace("per_sequence_loss *= ", "per_sequence_loss = per_sequence_loss * ")
)
# Its first lines turn the log-probs into floats.
ORPO = dict(vars(orpo_trainer))
exec(textwrap.dedent(inspect.getsource(orpo_trainer.ORPOTrainer.odds_ratio_loss)).replace(".float()", ".double()"), ORPO)


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.detach().tolist())


def logits_of(log_probs):
    """[rows, tokens + 1, 2]; TRL drops the last position."""
    logits = torch.stack([log_probs, torch.log(-torch.expm1(log_probs))], -1)
    return torch.cat([logits, torch.zeros(len(logits), 1, 2)], 1)


def dpo(policy, reference, mask, case):
    """Returns the loss, and notes the weights that the case asks for."""
    prompt = torch.zeros(2 * PAIRS, 1)
    scope = dict(
        torch=torch, F=F, math=math, device="cpu", selective_log_softmax=selective_log_softmax,
        outputs=SimpleNamespace(logits=logits_of(policy)), ref_outputs=SimpleNamespace(logits=logits_of(reference)),
        inputs=dict(input_ids=torch.zeros(2 * PAIRS, TOKENS + 1, dtype=torch.long),
                    completion_mask=torch.cat([prompt, mask], 1).long()),
        self=SimpleNamespace(
            f_divergence_type=case["divergence"], f_alpha_divergence_coef=case["divergence_alpha"],
            loss_types=case["kinds"], loss_weights=case["weights"], beta=case["beta"], ld_alpha=case["ld_alpha"],
            label_smoothing=case["label_smoothing"], use_weighting=case["weighting"],
            args=SimpleNamespace(discopop_tau=case["tau"]),
        ),
    )
    exec(POLICY, scope)
    exec(REFERENCE, scope)
    exec(LOSS, scope)
    if case["weighting"]:
        case["pair_weights"] = numbers(scope["chosen_weights"] * scope["rejected_weights"])
    return scope["loss"]


def labelled(policy, mask):
    labels = torch.zeros(2 * PAIRS, TOKENS + 1, dtype=torch.long)
    labels[:, 0] = -100
    labels[:, 1:][mask == 0] = -100
    return logits_of(policy), labels


def likelihood(logits, labels):
    return F.cross_entropy(logits[:PAIRS, :-1].reshape(-1, 2), labels[:PAIRS, 1:].reshape(-1))


def cpo(policy, mask, case, trl_type):
    logits, labels = labelled(policy, mask)
    log_probs = CPOTrainer.get_batch_logps(logits, labels, average_log_prob=trl_type in ["ipo", "simpo"])
    trainer = SimpleNamespace(
        alpha=case["alpha_po"], beta=case["beta"], loss_type=trl_type, simpo_gamma=case["gamma"],
        label_smoothing=case["label_smoothing"], accelerator=SimpleNamespace(device="cpu"))
    losses, _, _ = CPOTrainer.cpo_loss(trainer, log_probs[:PAIRS], log_probs[PAIRS:])
    cpo_alpha = case["weights"][1] if len(case["weights"]) > 1 else 0
    return losses.mean() + cpo_alpha * likelihood(logits, labels)


def orpo(policy, mask, case):
    logits, labels = labelled(policy, mask)
    log_probs = orpo_trainer.ORPOTrainer.get_batch_logps(logits, labels, average_log_prob=True)
    trainer = SimpleNamespace(beta=case["beta"], accelerator=SimpleNamespace(device="cpu"))
    losses = ORPO["odds_ratio_loss"](trainer, log_probs[:PAIRS], log_probs[PAIRS:])[0]
    return likelihood(logits, labels) - losses.mean()


def delta_of(policy, reference, mask):
    return ((policy - reference) * mask).sum(1)


def cdpo(policy, reference, mask, case):
    delta = delta_of(policy, reference, mask)
    x, e = case["beta"] * (delta[:PAIRS] - delta[PAIRS:]), case["label_smoothing"]
    return (-(1 - e) * F.logsigmoid(x) - e * F.logsigmoid(-x)).mean()


def mdpo(policy, reference, other, other_reference, mask, beta, weights):
    """other: the chosen answers' log-probs under another image, their references."""
    delta = delta_of(policy, reference, mask)
    chosen, rejected = delta[:PAIRS], delta[PAIRS:]
    under_other = delta_of(other, other_reference, mask[:PAIRS])
    terms = [chosen - rejected, chosen - under_other, chosen]
    return sum(w * -F.logsigmoid(beta * x).mean() for w, x in zip(weights, terms, strict=True))


def case_of(kinds, **changes):
    return dict(dict(kinds=kinds, weights=[1.0] * len(kinds), beta=0.1, label_smoothing=0.0, divergence="reverse_kl",
                     divergence_alpha=0.5, ld_alpha=None, weighting=False, gamma=0.5, alpha_po=0.0, tau=0.05), **changes)


def all_pairs(options):
    """Cases (dicts) that cover every pair of two options' values."""
    rng = random.Random(20240614)
    keys = list(options)
    if len(keys) < 2:
        return [{key: value} for key in keys for value in options[key]] or [{}]
    open_pairs = {((a, i), (b, j)) for a, b in itertools.combinations(keys, 2) for i in range(len(options[a]))
                  for j in range(len(options[b]))}
    cases = []
    while open_pairs:
        best, covered = None, set()
        for _ in range(100):
            pick = {k: rng.randrange(len(options[k])) for k in keys}
            pick.update(dict(rng.choice(sorted(open_pairs))))
            new = set(itertools.combinations([(k, pick[k]) for k in keys], 2)) & open_pairs
            if len(new) > len(covered):
                best, covered = pick, new
        open_pairs -= covered
        cases.append({k: options[k][i] for k, i in best.items()})
    return cases


WITH_DIVERGENCE = ["sigmoid", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft", "sigmoid_norm"]
OTHERS = ["nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down"]
DIVERGENCES = [("reverse_kl", 0.5), ("forward_kl", 0.5), ("js_divergence", 0.5), ("alpha_divergence", 0.5),
               ("alpha_divergence", 1.5), ("alpha_divergence", 1.0)]


def dpo_cases():
    for kind in WITH_DIVERGENCE + OTHERS:
        options = dict(ld_alpha=[None, 0.5, 0.0], mask=[0, 1])
        if kind != "sft":
            options.update(beta=[0.1, 0.5])
        if kind in WITH_DIVERGENCE:
            options.update(divergence=DIVERGENCES)
        if kind in ["exo_pair", "robust", "aot", "aot_unpaired"]:
            options.update(label_smoothing=[0.1, 0.3] if kind == "exo_pair" else [0.0, 0.1, 0.3])
        if "aot" not in kind:
            options.update(weighting=[False, True])
        if kind == "discopop":
            options.update(tau=[0.05, 0.5])
        for pick in all_pairs(options):
            if "divergence" in pick:
                pick["divergence"], pick["divergence_alpha"] = pick["divergence"]
            yield case_of([kind], **pick)
    for mask in (0, 1):
        yield case_of(["sigmoid", "bco_pair", "sft"], weights=[0.8, 0.2, 1.0], mask=mask)
        yield case_of(["sigmoid", "sft"], weights=[1.0, 0.25], weighting=True, mask=mask)
        yield case_of(["aot", "aot_unpaired", "apo_zero"], weights=[0.5, -0.25, 2.0], label_smoothing=0.1, mask=mask)
        yield case_of(["ipo", "hinge", "robust"], label_smoothing=0.2, divergence="js_divergence", ld_alpha=0.3, mask=mask)


def cpo_cases():
    """(case, TRL's name of the loss); TRL divides by zero where an answer is masked entirely: the first mask only."""
    for kind, trl_type in (("cpo", "sigmoid"), ("hinge", "hinge"), ("ipo", "ipo"), ("simpo", "simpo")):
        options = dict(beta=[0.1, 2.0], likelihood=[None, 0.0, 1.0, 0.7])
        if kind in ("cpo", "simpo"):
            options.update(label_smoothing=[0.0, 0.2])
        if kind == "simpo":
            options.update(gamma=[0.5, 1.2], alpha_po=[0.0, 0.25, -0.5])
        for pick in all_pairs(options):
            weight = pick.pop("likelihood")
            kinds = [kind] if weight is None else [kind, "sft"]
            yield case_of(kinds, weights=[1.0, weight][:len(kinds)], mask=0, **pick), trl_type


def main():
    rng = torch.Generator().manual_seed(20240614)
    # Few digits, so that the file is short.
    log_probs = lambda rows: torch.round(-0.05 - 3 * torch.rand(rows, TOKENS, generator=rng), decimals=2)
    cases = []

    def add(source, case, loss_of, with_reference=True):
        policy, reference = log_probs(2 * PAIRS).requires_grad_(), log_probs(2 * PAIRS)
        loss = loss_of(policy, reference)
        loss.backward()
        cases.append(dict(case, source=source, policy=numbers(policy),
                          reference=numbers(reference) if with_reference else None, loss=loss.item(),
                          gradient=numbers(policy.grad)))

    for case in dpo_cases():
        add("trl dpo", case, lambda p, r: dpo(p, r, MASKS[case["mask"]], case))
    for case, trl_type in cpo_cases():
        add("trl cpo", case, lambda p, _: cpo(p, MASKS[0], case, trl_type), with_reference=False)
    for beta in (0.1, 1.0):
        case = case_of(["sft", "orpo"], beta=beta, mask=0)
        add("trl orpo", case, lambda p, _: orpo(p, MASKS[0], case), with_reference=False)
    for beta, smoothing in itertools.product((0.1, 0.5), (0.1, 0.3)):
        case = case_of(["sigmoid"], beta=beta, label_smoothing=smoothing, mask=1)
        add("cdpo", case, lambda p, r: cdpo(p, r, MASKS[1], case))
    mdpo_cases = []
    for mask, beta, weights in ((0, 0.1, [1.0, 1.0, 1.0]), (1, 0.5, [1.0, 1.0, 1.0]), (0, 0.3, [1.0, 0.5, 0.25])):
        policy, other = log_probs(2 * PAIRS).requires_grad_(), log_probs(PAIRS).requires_grad_()
        reference, other_reference = log_probs(2 * PAIRS), log_probs(PAIRS)
        loss = mdpo(policy, reference, other, other_reference, MASKS[mask], beta, weights)
        loss.backward()
        mdpo_cases.append(dict(
            mask=mask, beta=beta, weights=weights, policy=numbers(policy), reference=numbers(reference), other=numbers(other),
            other_reference=numbers(other_reference), loss=loss.item(), gradient=numbers(policy.grad),
            other_gradient=numbers(other.grad)))
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
    print(f'{{"trl": "{trl.__version__}",\n"masks": {lines([numbers(m) for m in MASKS])},\n'
          f'"cases": {lines(cases)},\n"mdpo": {lines(mdpo_cases)}}}')


if __name__ == "__main__":
    main()
