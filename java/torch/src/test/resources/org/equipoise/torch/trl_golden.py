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
from trl.trainer import dpo_trainer

assert trl.__version__.startswith("1.13"), trl.__version__
torch.set_default_dtype(torch.float64)


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    starts = [i for i, line in enumerate(lines) if line.strip().startswith(first)]
    start = starts[0]
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


DPO = lines_between(dpo_trainer.DPOTrainer._compute_loss, "chosen_logratios =", "if self.aux_loss_enabled")


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.tolist())




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
    result = dict(trl=trl.__version__, pairs=[])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.float64)
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
