"""Writes unpaired_golden.json: losses over single answers and their gradients by TRL 1.13's own source lines and methods,
in double precision.

KTO's formulas live inside a long trainer method: this script cuts the lines that compute them out of the installed
source and runs them on small tensors, so nothing is retyped; BCO's are a method, called as it is. Options are combined
so that with every loss each pair of values of two options occurs (all_pairs, below). The policy is a distribution over
two tokens whose first has the log-prob under test, so that TRL's way through logits and ours, which starts at
log-probs, are functions of the same numbers. Run by hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0 datasets peft scikit-learn joblib
    python unpaired_golden.py > unpaired_golden.json
"""

import inspect
import itertools
import json
import math
import random
import textwrap
from collections import defaultdict
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import trl
from trl.experimental.bco import bco_trainer
from trl.trainer import kto_trainer
from trl.trainer.utils import selective_log_softmax

assert trl.__version__.startswith("1.13"), trl.__version__
torch.set_default_dtype(torch.float64)
ROWS, TOKENS = 6, 5
# Holes, and in the second an answer that is masked entirely.
MASKS = [
    torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [1, 0, 0, 0, 0],
                  [0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]]).double(),
    torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0],
                  [0, 1, 0, 0, 1], [1, 1, 1, 1, 0], [1, 0, 1, 0, 1]]).double(),
]
LABELS = {
    "mixed": [True, False, True, True, False, False],
    "desirable": [True] * ROWS,
    "undesirable": [False] * ROWS,
}


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


METHOD = kto_trainer.KTOTrainer._compute_loss
LOG_PROBS = lines_between(METHOD, "shift_logits =", "if completion_logps.shape[0]")
REFERENCE = lines_between(METHOD, "ref_shift_logits =", "if self.calculate_KL:")
SELECT = lines_between(METHOD, "device = outputs.logits.device", "if self.precompute_ref_logps:")
KL_SUMS = lines_between(kto_trainer.KTOTrainer._compute_kl_logps, "shift_KL_logits =", "return KL_logps")


def loss_lines():
    """The second `if self.calculate_KL:` of the method is that of the loss."""
    source = inspect.getsource(METHOD)
    start = source.index("        if self.calculate_KL:\n            kl = ")
    end = source.index("        # Entropy", start)
    return textwrap.dedent(source[start:end])


def metric_lines():
    source = inspect.getsource(METHOD)
    start = source.index("        all_num_chosen =")
    end = source.index("        if self.aux_loss_enabled:", start)
    return textwrap.dedent(source[start:end])


LOSS, METRICS = loss_lines(), metric_lines()
# Its mean and variance are taken as floats.
MOMENTS = dict(vars(bco_trainer))
exec(textwrap.dedent(inspect.getsource(bco_trainer.RunningMoments)).replace(".float()", ".double()"), MOMENTS)


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.detach().tolist())


def logits_of(log_probs):
    """[rows, tokens + 1, 2]; TRL drops the last position."""
    logits = torch.stack([log_probs, torch.log(-torch.expm1(log_probs))], -1)
    return torch.cat([logits, torch.zeros(len(logits), 1, 2)], 1)


class Accelerator:
    device, use_distributed = "cpu", False

    @staticmethod
    def gather_for_metrics(x):
        return x


def sums(log_probs, mask):
    """Sums of the mismatched answers by TRL's lines."""
    scope = dict(selective_log_softmax=selective_log_softmax, KL_logits=logits_of(log_probs), batch=dict(
        KL_input_ids=torch.zeros(len(log_probs), TOKENS + 1, dtype=torch.long), KL_completion_mask=with_prompt(mask)))
    exec(KL_SUMS, scope)
    return scope["KL_logps"]


def with_prompt(mask):
    return torch.cat([torch.zeros(len(mask), 1), mask], 1).long()


def kto(case, t):
    labels = torch.tensor(LABELS[case["labels"]])
    scope = dict(
        torch=torch, F=F, selective_log_softmax=selective_log_softmax, mode="train",
        outputs=SimpleNamespace(logits=logits_of(t.policy)), ref_outputs=SimpleNamespace(logits=logits_of(t.reference)),
        batch=dict(input_ids=torch.zeros(ROWS, TOKENS + 1, dtype=torch.long), completion_mask=with_prompt(t.mask),
                   label=labels),
        num_chosen=labels.sum(), num_rejected=len(labels) - labels.sum(),
        KL_logps=sums(t.mismatched, t.mismatched_mask), ref_KL_logps=sums(t.mismatched_reference, t.mismatched_mask),
        self=SimpleNamespace(
            calculate_KL=case["kind"] == "kto", loss_type=case["kind"], beta=case["beta"], accelerator=Accelerator,
            desirable_weight=case["desirable_weight"], undesirable_weight=case["undesirable_weight"],
            _metrics=dict(train=defaultdict(list))),
    )
    for lines in (LOG_PROBS, SELECT, REFERENCE, LOSS, METRICS):
        exec(lines, scope)
    found = scope["self"]._metrics["train"]
    case["metrics"] = {key: values[-1] for key, values in found.items()}
    return scope["loss"]


def bco(case, t, running):
    chosen, rejected = torch.tensor(LABELS[case["labels"]]), ~torch.tensor(LABELS[case["labels"]])
    # get_batch_logps sums the tokens whose label is not -100; selecting rows is indexing in forward.
    labels = torch.where(with_prompt(t.mask) == 1, 0, -100)
    sums_of = lambda log_probs: bco_trainer.BCOTrainer.get_batch_logps(logits_of(log_probs), labels, False, False)
    policy, reference = sums_of(t.policy), sums_of(t.reference)
    # The classifier's probability that a prompt is desirable, given here; its ratio is TRL's.
    probability = torch.tensor(case["probability"])[rejected] if case["probability"] else None
    trainer = SimpleNamespace(
        beta=case["beta"], running=running, match_underlying_distribution=probability is not None,
        args=SimpleNamespace(min_density_ratio=0.5, max_density_ratio=10.0),
        _get_chosen_prob=lambda embeddings: probability)
    trainer._get_udm_weight = lambda embeddings: bco_trainer.BCOTrainer._get_udm_weight(trainer, embeddings)
    losses, _, _, delta = bco_trainer.BCOTrainer.bco_loss(
        trainer, policy[chosen], policy[rejected], reference[chosen], reference[rejected], None, None,
        do_train=case["update"])
    if probability is not None:
        weights = torch.ones(ROWS)
        weights[rejected] = trainer._get_udm_weight(None)
        case["row_weights"] = numbers(weights)
    case["metrics"] = dict(delta=delta.item())
    return losses.nanmean()


def all_pairs(options):
    """Picks in which each pair of values of two options occurs; greedy."""
    rng = random.Random(5)
    keys = list(options)
    open_pairs = {frozenset(((a, i), (b, j))) for a, b in itertools.combinations(keys, 2)
                  for i in range(len(options[a])) for j in range(len(options[b]))}
    picks = []
    while open_pairs:
        best, covered = None, set()
        for _ in range(40):
            pick = {k: rng.randrange(len(options[k])) for k in keys}
            pick.update(dict(rng.choice(sorted(map(sorted, open_pairs)))))
            new = {frozenset(p) for p in itertools.combinations(pick.items(), 2)} & open_pairs
            if len(new) > len(covered):
                best, covered = pick, new
        open_pairs -= covered
        picks.append({k: options[k][i] for k, i in best.items()})
    return picks


# drift: of the mismatched answers' log-ratios per token; nan: a token of the policy that is NaN.
KTO_OPTIONS = dict(beta=[0.1, 0.5], labels=list(LABELS), mask=[0, 1], weights=[(1.0, 1.0), (1.0, 1.33), (0.5, 2.0)],
                   drift=[0.2, -0.2], nan=[False, True])
BCO_OPTIONS = dict(beta=[0.1, 0.5], labels=list(LABELS), mask=[0, 1], update=[True, False], matching=[False, True],
                   nan=[False])


def main():
    rng = torch.Generator().manual_seed(20240615)
    # Few digits, so that the file is short.
    log_probs = lambda least=-3.05: torch.round(-0.05 + (least + 0.05) * torch.rand(ROWS, TOKENS, generator=rng), decimals=2)
    cases = []

    def add(case, loss_of):
        t = SimpleNamespace(policy=log_probs(), reference=log_probs(), mask=MASKS[case["mask"]],
                            mismatched_mask=MASKS[1 - case["mask"]], mismatched_reference=log_probs())
        t.mismatched = torch.clamp(t.mismatched_reference + case["drift"], max=-0.01)
        if case["nan"]:
            t.policy[1, 0] = math.nan
        t.policy.requires_grad_()
        loss = loss_of(case, t)
        loss.backward()
        case.update(policy=numbers(t.policy), reference=numbers(t.reference), loss=numbers(loss),
                    gradient=numbers(t.policy.grad))
        if case["kind"] != "bco":
            case.update(mismatched=numbers(t.mismatched), mismatched_reference=numbers(t.mismatched_reference))
        cases.append(case)

    for kind in ("kto", "apo_zero_unpaired"):
        for pick in all_pairs({k: v for k, v in KTO_OPTIONS.items() if kind == "kto" or k != "drift"}):
            desirable_weight, undesirable_weight = pick.pop("weights")
            add(dict(dict(drift=0.0), **pick, kind=kind, desirable_weight=desirable_weight,
                     undesirable_weight=undesirable_weight), kto)
    # One run of training: the running mean goes on from case to case.
    running = MOMENTS["RunningMoments"](accelerator=Accelerator)
    for pick in all_pairs(BCO_OPTIONS):
        case = dict(dict(drift=0.0), **pick, kind="bco", desirable_weight=1.0, undesirable_weight=1.0)
        case["probability"] = [0.2, 0.55, 0.7, 0.5, 0.97, 0.1] if case.pop("matching") else None
        case["reward_mean"] = [running.mean, running.count]
        add(case, lambda case, t: bco(case, t, running))
        case["new_reward_mean"] = [running.mean, running.count]
    labels = {name: [int(x) for x in values] for name, values in LABELS.items()}
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
    print(f'{{"trl": "{trl.__version__}",\n"labels": {json.dumps(labels)},\n"masks": {lines([numbers(m) for m in MASKS])},\n'
          f'"cases": {lines(cases)}}}')


if __name__ == "__main__":
    main()
