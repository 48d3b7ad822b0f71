"""Writes policy_golden.json: policy losses and gradients by TRL 1.13's own source lines and by verl's formulas.

TRL's formulas live inside long trainer methods: this script cuts the lines that compute them out of the installed
source and runs them on small tensors in double precision, so nothing is retyped. Options are combined so that with
every loss each pair of values of two options occurs where TRL allows it (greedy all-pairs, below). What only verl has is written here
from its published formulas (verl, trainer/ppo/core_algos.py: the vanilla loss with dual clip, cispo, gspo,
kl_penalty, agg_loss). Run by hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0
    python policy_golden.py > policy_golden.json
"""

import inspect
import itertools
import json
import math
import random
import textwrap
from types import SimpleNamespace

import torch
import trl
from trl.experimental.gmpo import gmpo_trainer
from trl.experimental.gspo_token import grpo_trainer as gspo_token_trainer
from trl.trainer import grpo_trainer

assert trl.__version__.startswith("1.13"), trl.__version__
torch.set_default_dtype(torch.float64)
TRAINER = grpo_trainer.GRPOTrainer
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0] * 5], dtype=torch.float64)


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


LOSS = lines_between(TRAINER._compute_loss, "if self.off_policy_mask_threshold is not None", "# Entropy bonus: add")
BONUS = lines_between(TRAINER._compute_loss, "effective_mask =", "# Apply the coefficient")
CLIPS = lines_between(TRAINER._compute_loss, "is_low_clipped =", "self._metrics[mode]")
SAMPLER = lines_between(TRAINER._generate_and_score_completions, "per_token_logps_diff =",
                        "# Compute the per-token log probabilities for the reference")
GSPO_TOKEN = lines_between(gspo_token_trainer.GRPOTrainer._compute_loss, "log_ratio =", "# Log the metrics")
GSPO_TOKEN_KL = lines_between(gspo_token_trainer.GRPOTrainer._compute_loss, "# Compute the KL divergence",
                              "# Compute the loss")
GMPO = lines_between(gmpo_trainer.GMPOTrainer._compute_loss, "log_ratio =", "# Log the metrics")


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.detach().tolist())


def sampler_ratio(case, old, sampler):
    scope = dict(torch=torch, math=math, old_per_token_logps=old, sampling_per_token_logps=sampler, mask=MASK,
                 self=SimpleNamespace(vllm_importance_sampling_mode=case["correction"],
                                      vllm_importance_sampling_clip_min=case["limits"][0],
                                      vllm_importance_sampling_clip_max=case["limits"][1]))
    exec(SAMPLER, scope)
    return scope["vllm_importance_sampling_ratio"]


def trl_loss(case, t):
    """t: the tensors. Returns the loss of TRL's own lines."""
    inputs = dict(ref_per_token_logps=t["reference"], num_items_in_batch=MASK.sum())
    # TRL takes the sampler's log-probs for the off-policy mask only where it has them.
    if case["correction"]:
        inputs["sampling_per_token_logps"] = t["sampler"]
        inputs["importance_sampling_ratio"] = sampler_ratio(case, t["old"], t["sampler"])
    entropy_mask = None
    if case["quantile"] is not None:
        gather = SimpleNamespace(pad_across_processes=lambda x, **_: x, gather=lambda x: x)
        entropy_mask = TRAINER.get_high_entropy_mask(
            SimpleNamespace(accelerator=gather), t["entropy"].detach(), MASK, case["quantile"])
    low, high = case["epsilon"]
    me = SimpleNamespace(
        importance_sampling_level=case["level"], beta=case["beta"], loss_type=case["loss_type"], epsilon_low=low,
        epsilon_high=high, off_policy_mask_threshold=case["off_policy"], use_vllm=bool(case["correction"]),
        vllm_importance_sampling_correction=bool(case["correction"]),
        args=SimpleNamespace(use_bias_correction_kl=case["unbiased"], delta=case["delta"], steps_per_generation=1,
                             sapo_temperature_pos=1.0, sapo_temperature_neg=1.05, vespo_k_pos=2.0,
                             vespo_lambda_pos=3.0, vespo_k_neg=3.0, vespo_lambda_neg=2.0),
        model=SimpleNamespace(training=True), current_gradient_accumulation_steps=1, max_completion_length=7,
        accelerator=SimpleNamespace(num_processes=1), get_off_policy_mask=TRAINER.get_off_policy_mask,
        get_gamma_weights=TRAINER.get_gamma_weights)
    advantage = t["advantages"]
    scope = dict(torch=torch, per_token_logps=t["log_probs"], old_per_token_logps=t["old"], mask=MASK,
                 entropy_mask=entropy_mask, inputs=inputs, self=me,
                 advantages=advantage if case["loss_type"] == "gmpo" or advantage.dim() == 2
                 else advantage.unsqueeze(1))
    if case["level"] == "sequence_token":
        exec(GSPO_TOKEN_KL, scope)
        exec(GSPO_TOKEN, scope)
    elif case["loss_type"] == "gmpo":
        exec(GMPO, scope)
    else:
        exec(LOSS, scope)
    loss = scope["loss"]
    if case["entropy_coefficient"] != 0:
        scope.update(entropies=t["entropy"], mode="train")
        exec(BONUS, scope)
        loss = loss - case["entropy_coefficient"] * scope["entropy_loss"]
    clipped = None
    if case["loss_type"] in ("grpo", "dapo", "bnpo", "dr_grpo") and case["level"] == "token" and not case["delta"]:
        exec(CLIPS, scope)
        clipped = [(scope[f"is_{side}_clipped"] * MASK).sum().item() / MASK.sum().item() for side in ("low", "high")]
    return loss, clipped


def mean_over(x, aggregation):
    """verl's agg_loss."""
    if aggregation == "token-mean":
        return (x * MASK).sum() / MASK.sum()
    if aggregation == "seq-mean-token-sum":
        return (x * MASK).sum(1).mean()
    return ((x * MASK).sum(1) / MASK.sum(1).clamp(min=1)).mean()


def verl_loss(case, t):
    low, high = case["epsilon"]
    difference = t["log_probs"] - t["old"]
    advantage = t["advantages"].unsqueeze(1)
    if case["level"] == "sequence_token":
        mean = (difference * MASK).sum(1, keepdim=True) / MASK.sum(1, keepdim=True).clamp(min=1)
        difference = mean.detach() + t["log_probs"] - t["log_probs"].detach()
    ratio = torch.exp(difference)
    bounded = ratio.clamp(1 - low, 1 + high)
    if case["loss_type"] == "cispo_relative":
        loss = -bounded.detach() * advantage * t["log_probs"]
    else:
        loss = torch.maximum(-advantage * ratio, -advantage * bounded)
        if case["delta"] is not None:
            loss = torch.where(advantage < 0, torch.minimum(loss, -advantage * case["delta"]), loss)
    d = t["log_probs"] - t["reference"]
    kl = {"K1": d, "ABS": d.abs(), "K2": d * d / 2, "K3": torch.exp(-d) + d - 1}[case["kl"]]
    return mean_over(loss, case["aggregation"]) + case["beta"] * mean_over(kl, case["aggregation"])


def tensors(case, seed):
    generator = torch.Generator().manual_seed(seed)
    # Few digits, so that the file is short.
    normal = lambda *shape: torch.round(torch.randn(*shape, generator=generator), decimals=2)
    log_probs = normal(5, 5) - 1.5
    old = torch.round(log_probs + 0.3 * normal(5, 5), decimals=3)
    sampler = torch.round(old + 0.2 * normal(5, 5), decimals=3)
    sampler[1, 2] = float("nan")  # a token that the engine did not score
    return dict(log_probs=log_probs.requires_grad_(), old=old.detach(),
                reference=torch.round(log_probs + 0.3 * normal(5, 5), decimals=3).detach(), sampler=sampler.detach(),
                advantages=normal(5, 5) if case.get("per_token") else normal(5),
                entropy=normal(5, 5).abs().requires_grad_())


def record(case, t, loss, source, clipped=None):
    loss.backward()
    threshold = None
    if case.get("quantile") is not None:
        threshold = torch.quantile(t["entropy"].detach()[MASK.bool()].float(), case["quantile"]).item()
    result = dict(source=source, **case, threshold=threshold, **{k: numbers(v) for k, v in t.items()}, loss=loss.item(),
                  gradient=numbers(t["log_probs"].grad))
    result["entropy_gradient"] = None if t["entropy"].grad is None else numbers(t["entropy"].grad)
    result["clipped"] = clipped
    return result


OPTIONS = dict(
    loss_type=["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo", "gmpo"],
    level=["token", "sequence", "sequence_token"],
    beta=[0.0, 0.04], unbiased=[False, True], epsilon=[(0.2, 0.2), (0.1, 0.28), (0.0, 0.0)], delta=[None, 1.4],
    off_policy=[None, 0.05], correction=[None, "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"],
    limits=[(None, 3.0), (0.9, 1.1)], quantile=[None, 0.5], entropy_coefficient=[0.0, 0.01],
    per_token=[False, True])


def allowed(case):
    """What TRL computes. Partial cases are judged by the options that they have."""
    get = case.get
    if get("level") == "sequence_token":
        # TRL's trainer for it has only these losses, and lacks the masks.
        return get("loss_type") in (None, "grpo", "dr_grpo", "dapo", "bnpo") and not get("off_policy") and not get("unbiased")
    if get("loss_type") == "vespo":
        return get("level") in (None, "token") and get("correction") in (None, "token_truncate", "token_mask")
    if get("loss_type") == "gmpo":
        return (get("level") in (None, "token") and not get("unbiased") and not get("off_policy")
                and not get("correction") and not get("per_token"))
    if get("loss_type") == "luspo" and get("level") == "token":
        return False
    return True


def combinations(loss_type):
    """Cases of one loss that cover every allowed pair of two other options' values."""
    rng = random.Random(loss_type)
    options = dict(OPTIONS, loss_type=[loss_type])
    keys = list(options)
    case_of = lambda pick: {k: options[k][i] for k, i in pick.items()}
    open_pairs = {((a, i), (b, j)) for a, b in itertools.combinations(keys, 2) for i in range(len(options[a]))
                  for j in range(len(options[b])) if allowed(case_of(dict([("loss_type", 0), (a, i), (b, j)])))}
    cases = []
    while open_pairs:
        best, covered = None, set()
        for _ in range(200):
            pick = {k: rng.randrange(len(options[k])) for k in keys}
            pick.update(dict(rng.choice(sorted(open_pairs))))
            new = set(itertools.combinations([(k, pick[k]) for k in keys], 2)) & open_pairs
            if allowed(case_of(pick)) and len(new) > len(covered):
                best, covered = pick, new
        if best is not None:
            open_pairs -= covered
            cases.append(case_of(best))
    return cases


def main():
    cases = [case for loss_type in OPTIONS["loss_type"] for case in combinations(loss_type)]
    result = []
    for i, case in enumerate(cases):
        if case["loss_type"] in ("cispo",):  # the absolute cap
            case["epsilon"] = (case["epsilon"][0], 1.0 + case["epsilon"][1])
        t = tensors(case, 100 + i)
        if case["loss_type"] == "gmpo":
            t["advantages"][4] = 0  # TRL counts a sequence of which all tokens are masked, with ratio 1
        loss, clipped = trl_loss(case, t)
        result.append(record(case, t, loss, "TRL " + trl.__version__, clipped))
    for i, (loss_type, delta, kl, aggregation, level) in enumerate(itertools.product(
            ["clip", "cispo_relative"], [None, 1.1, 3.0], ["K1", "ABS", "K2", "K3"],
            ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean"], ["token", "sequence_token"])):
        if loss_type == "cispo_relative" and (delta is not None or level != "token"):
            continue
        case = dict(loss_type=loss_type, delta=delta, kl=kl, aggregation=aggregation, level=level, beta=0.1,
                    epsilon=(0.2, 0.28))
        t = tensors(case, 900 + i)
        result.append(record(case, t, verl_loss(case, t), "verl"))
    lines = ",\n".join(json.dumps(case) for case in result)
    print('{\n"mask": ' + json.dumps(numbers(MASK)) + ',\n"cases": [\n' + lines + "\n]\n}")


if __name__ == "__main__":
    main()
