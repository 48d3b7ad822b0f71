"""Writes trl_golden.json: values computed by TRL 1.13's own source lines, in double precision.

The formulas live inside long trainer methods. This script cuts the lines that compute them out of the
installed source and runs them on small tensors, so nothing is retyped. Run by hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0
    python trl_golden.py > trl_golden.json
"""

import inspect
import json
import math
import textwrap
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import trl
from trl.trainer import dpo_trainer, grpo_trainer

assert trl.__version__.startswith("1.13"), trl.__version__
NAN = float("nan")
torch.set_default_dtype(torch.float64)


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    starts = [i for i, line in enumerate(lines) if line.strip().startswith(first)]
    start = starts[0]
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


GRPO = lines_between(grpo_trainer.GRPOTrainer._compute_loss, "log_ratio =", "# Entropy bonus")
DPO = lines_between(dpo_trainer.DPOTrainer._compute_loss, "chosen_logratios =", "if self.aux_loss_enabled")


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.tolist())


def policy(log_probs, old, reference, advantage, mask, loss_type, low, high, beta, length):
    scope = dict(
        torch=torch, per_token_logps=log_probs, old_per_token_logps=old, mask=mask, entropy_mask=None,
        advantages=advantage.unsqueeze(1),
        inputs=dict(ref_per_token_logps=reference, num_items_in_batch=mask.sum()),
        self=SimpleNamespace(
            importance_sampling_level="token", beta=beta, loss_type=loss_type, epsilon_low=low, epsilon_high=high,
            args=SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1),
            off_policy_mask_threshold=None, use_vllm=False, vllm_importance_sampling_correction=False,
            model=SimpleNamespace(training=True), current_gradient_accumulation_steps=1,
            max_completion_length=length, accelerator=SimpleNamespace(num_processes=1),
        ),
    )
    exec(GRPO, scope)
    return scope["loss"]


def pair(chosen, rejected, reference_chosen, reference_rejected, mask_chosen, mask_rejected, loss_type, beta):
    width = max(mask_chosen.shape[1], mask_rejected.shape[1])
    pad = lambda m: F.pad(m, (0, width - m.shape[1]))
    scope = dict(
        torch=torch, F=F, math=math,
        chosen_logps=(chosen * mask_chosen).sum(1), rejected_logps=(rejected * mask_rejected).sum(1),
        ref_chosen_logps=(reference_chosen * mask_chosen).sum(1),
        ref_rejected_logps=(reference_rejected * mask_rejected).sum(1),
        completion_mask=torch.cat([pad(mask_chosen), pad(mask_rejected)]),
        self=SimpleNamespace(f_divergence_type="reverse_kl", loss_types=[loss_type], loss_weights=[1.0], beta=beta,
                             use_weighting=False),
    )
    exec(DPO, scope)
    return scope["loss"]


def main():
    torch.manual_seed(20240613)
    random = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    result = dict(trl=trl.__version__, policy=[], pairs=[])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.float64)
    for loss_type in ("grpo", "dr_grpo", "dapo"):
        for beta in (0.0, 0.04):
            for low, high in ((0.2, 0.2), (0.2, 0.28), (0.0, 0.0)):
                log_probs = (random(4, 5) - 1.5).requires_grad_()
                old, reference = log_probs.detach() + 0.3 * random(4, 5), log_probs.detach() + 0.3 * random(4, 5)
                advantage = random(4)
                loss = policy(log_probs, old, reference, advantage, mask, loss_type, low, high, beta, 7)
                loss.backward()
                result["policy"].append(dict(
                    loss_type=loss_type, beta=beta, low=low, high=high, length=7, log_probs=numbers(log_probs),
                    old=numbers(old), reference=numbers(reference), advantages=numbers(advantage), mask=numbers(mask),
                    loss=loss.item(), gradient=numbers(log_probs.grad)))

    mask_chosen, mask_rejected = mask[:3, :4], torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.float64)
    for loss_type in ("sigmoid", "ipo", "hinge"):
        for beta in (0.1, 0.5):
            chosen, rejected = (random(3, 4) - 2).requires_grad_(), (random(3, 3) - 2).requires_grad_()
            reference_chosen, reference_rejected = random(3, 4) - 2, random(3, 3) - 2
            loss = pair(chosen, rejected, reference_chosen, reference_rejected, mask_chosen, mask_rejected,
                        loss_type, beta)
            loss.backward()
            result["pairs"].append(dict(
                loss_type=loss_type, beta=beta, chosen=numbers(chosen), rejected=numbers(rejected),
                reference_chosen=numbers(reference_chosen), reference_rejected=numbers(reference_rejected),
                mask_chosen=numbers(mask_chosen), mask_rejected=numbers(mask_rejected), loss=loss.item(),
                d_chosen=numbers(chosen.grad), d_rejected=numbers(rejected.grad)))
    lines = ",\n".join(
        f'"{key}": ' + (json.dumps(value) if isinstance(value, str) else
                        "[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]")
        for key, value in result.items())
    print("{\n" + lines + "\n}")


if __name__ == "__main__":
    main()
