"""Writes advantage_golden.json: advantages computed by the peers' own code, in double precision.

TRL's formulas live inside long trainer methods: this script cuts the lines that compute them out of the
installed source and runs them on small tensors, so nothing is retyped. verl is not installed; its functions
are taken from a checkout. Run by hand; the tests need no Python:

    pip install torch==2.13.0+cpu numpy trl==1.13.0 transformers==5.17.0
    git clone https://github.com/volcengine/verl && git -C verl checkout b178a3cd56f5
    python advantage_golden.py verl > advantage_golden.json
"""

import ast
import inspect
import json
import math
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import trl
from trl.trainer import grpo_trainer, rloo_trainer

assert trl.__version__.startswith("1.13"), trl.__version__
NAN = float("nan")
# TRL's nanstd divides integers, which gives the default dtype: 4/3 would be rounded to float.
torch.set_default_dtype(torch.float64)


def lines_between(function, first, last):
    """Source lines of `function` from the one that starts with `first` up to, not including, `last`."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[start:end]))


METHOD = "_generate_and_score_completions"
GRPO = lines_between(getattr(grpo_trainer.GRPOTrainer, METHOD), "unscorable_mask =", "# Slice to keep only")
GRPO_METRICS = lines_between(
    getattr(grpo_trainer.GRPOTrainer, METHOD), "for i, reward_func_name in", "# Log prompt and completion")
RLOO = lines_between(getattr(rloo_trainer.RLOOTrainer, METHOD), "unscorable_mask =", "# Slice to keep only")


def numbers(tensor):
    """Nested lists with null for NaN: JSON has none."""
    def convert(x):
        return [convert(y) for y in x] if isinstance(x, list) else (None if math.isnan(x) else x)

    return convert(tensor.tolist())


def trl_grpo(rewards, group_size, scale, weights, aggregation):
    names = [f"f{k}" for k in range(rewards.shape[1])]
    metrics = {"train": {}}
    for key in [f"rewards/{n}/{m}" for n in names for m in ("mean", "std")]:
        metrics["train"][key] = []
    metrics["train"].update(reward=[], reward_std=[], frac_reward_zero_std=[])
    scope = dict(
        torch=torch, nanstd=grpo_trainer.nanstd, rewards_per_func=rewards.clone(), num_generations=group_size,
        device="cpu", mode="train",
        self=SimpleNamespace(
            multi_objective_aggregation=aggregation, scale_rewards=scale, reward_func_names=names,
            reward_weights=torch.tensor(weights), reward_funcs=names, _metrics=metrics,
        ),
    )
    exec(GRPO, scope)
    exec(GRPO_METRICS, scope)
    logged = {key: value[0] for key, value in metrics["train"].items()}
    functions = [[logged[f"rewards/{n}/mean"], logged[f"rewards/{n}/std"]] for n in names]
    return dict(
        rewards=numbers(rewards), group_size=group_size, scale=scale, weights=weights, aggregation=aggregation,
        advantages=numbers(scope["advantages"]), reward=logged["reward"], reward_std=logged["reward_std"],
        zero_std=logged["frac_reward_zero_std"], functions=functions)


def trl_rloo(rewards, group_size, normalize, weights, beta, kl):
    """kl [samples]: the summed log-ratio of each completion."""
    scope = dict(
        torch=torch, nanstd=rloo_trainer.nanstd, rewards_per_func=rewards.clone(), num_generations=group_size,
        device="cpu", old_per_token_logps=kl.unsqueeze(1), ref_per_token_logps=torch.zeros(len(kl), 1),
        completion_mask=torch.ones(len(kl), 1), gather=lambda x: x,
        self=SimpleNamespace(
            reward_clip_range=None, beta=beta, normalize_advantages=normalize, reward_weights=torch.tensor(weights)),
    )
    exec(RLOO, scope)
    return dict(rewards=numbers(rewards), group_size=group_size, normalize=normalize, weights=weights, beta=beta,
                kl=numbers(kl), advantages=numbers(scope["advantages"]))


def functions_of(path, names, scope):
    """Defines the named functions of a source file, without their decorators, in `scope`."""
    tree = ast.parse(Path(path).read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    assert len(found) == len(names), (path, names)
    for node in found:
        node.decorator_list = []
    future = ast.parse("from __future__ import annotations").body
    exec(compile(ast.Module(body=future + found, type_ignores=[]), str(path), "exec"), scope)
    return scope


def verl_cases(checkout, random):
    whitening = SimpleNamespace(**functions_of(
        checkout / "verl/utils/torch_functional.py", ["masked_sum", "masked_mean", "masked_var", "masked_whiten"],
        dict(torch=torch)))
    names = ["grpo", "grpo_passk", "reinforce_plus_plus_baseline", "rloo", "opo", "remax", "gpg"]
    algorithms = functions_of(
        checkout / "verl/trainer/ppo/core_algos.py", [f"compute_{n}_outcome_advantage" for n in names],
        dict(torch=torch, np=np, verl_F=whitening, defaultdict=__import__("collections").defaultdict))
    sizes = dict(equal=[4, 4], ragged=[3, 1, 4, 2])
    for name in names:
        for shape, groups in sizes.items():
            if name == "grpo_passk":
                groups = [g for g in groups if g > 1]
            for norm in ((True, False) if name.startswith("grpo") else (True,)):
                n, tokens = sum(groups), 6
                lengths = torch.tensor([1 + (5 * i + 2) % tokens for i in range(n)])
                mask = (torch.arange(tokens) < lengths.unsqueeze(1)).to(torch.float64)
                scores = random(n)
                if name == "gpg":
                    scores[1] = 0
                token_rewards = torch.zeros(n, tokens)
                token_rewards[:, 0] = scores  # only the sum over tokens counts, and ReMax takes the sum from there on
                index = np.array([g for g, size in enumerate(groups) for _ in range(size)])
                baselines = random(n)
                call = algorithms[f"compute_{name}_outcome_advantage"]
                arguments = dict(token_level_rewards=token_rewards.clone(), response_mask=mask.clone())
                if name == "remax":
                    arguments.update(reward_baselines=baselines)
                else:
                    arguments.update(index=index)
                if name.startswith("grpo"):
                    arguments.update(norm_adv_by_std_in_grpo=norm, config=dict(norm_adv_by_std_in_grpo=norm))
                advantages = call(**arguments)[0][:, 0]
                yield dict(name=f"{name} {shape} {norm}", estimator=name, norm=norm, groups=groups,
                           rewards=numbers(scores), lengths=lengths.tolist(), baselines=numbers(baselines),
                           advantages=numbers(advantages))


def main(checkout):
    torch.manual_seed(20240613)
    random = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    two = random(8, 2)
    partly, whole = two.clone(), two.clone()
    partly[1, 0] = partly[6, 1] = NAN
    whole[2] = NAN
    whole[5, 0] = NAN
    equal = two.clone()
    equal[:4] = torch.tensor([1.0, 0.5])
    rewards = dict(plain=two, partly=partly, whole=whole, equal=equal, single=random(8, 1))
    result = dict(trl=trl.__version__, grpo=[], rloo=[], verl=list(verl_cases(checkout, random)))
    for name, reward in rewards.items():
        weights = [1.0] if reward.shape[1] == 1 else [1.0, 0.25]
        for size in (2, 4, 8):
            for scale in ("group", "batch", "none"):
                case = trl_grpo(reward, size, scale, weights, "sum_then_normalize")
                result["grpo"].append(dict(name=f"{name} {scale} {size}", **case))
            case = trl_grpo(reward, size, "group", weights, "normalize_then_sum")
            result["grpo"].append(dict(name=f"{name} gdpo {size}", **case))
            for normalize in (False, True):
                for beta in (0.0, 0.05):
                    case = trl_rloo(reward, size, normalize, weights, beta, random(8))
                    result["rloo"].append(dict(name=f"{name} {normalize} {beta} {size}", **case))
    lines = ",\n".join(
        f'"{key}": ' + (json.dumps(value) if isinstance(value, str) else
                        "[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]")
        for key, value in result.items())
    print("{\n" + lines + "\n}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
