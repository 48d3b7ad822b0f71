"""Loads what AdapterGoldenTest wrote with PEFT and with transformers and compares logits with the golden ones.

    java -cp TEST_CLASS_PATH org.equipoise.mbpo.checkpoint.AdapterGoldenTest FOLDER NAME,NAME,...
    pip install torch==2.13.0+cpu transformers==5.17.0 peft==0.21.0 safetensors pillow
    python verify_adapters.py FOLDER
"""

import os
import sys

import torch
from adapters_golden import CASES, base, inputs
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

HERE = os.path.dirname(os.path.abspath(__file__))
golden = load_file(os.path.join(HERE, "adapters.safetensors"))
given, answer = inputs()
for name, second, _ in CASES:
    folder = os.path.join(sys.argv[1], name)
    if not os.path.isdir(folder):
        continue
    adapted = PeftModel.from_pretrained(base(second), os.path.join(folder, "adapter"))
    merged = AutoModelForImageTextToText.from_pretrained(os.path.join(folder, "merged"))
    for kind, model in dict(adapter=adapted, merged=merged).items():
        assert model.dtype == torch.float32
        with torch.no_grad():
            logits = model.eval()(**given).logits[0, -answer:]
        difference = (logits - golden[name]).abs().max() / golden[name].abs().max()
        print(f"{name}, {kind}: largest difference of logits {difference:.2e} of the largest logit")
        assert difference < 1e-4
