"""Loads what ExportTest wrote with transformers and with PEFT and compares logits.

    java -cp TEST_CLASS_PATH org.equipoise.mbpo.checkpoint.ExportTest FOLDER
    pip install torch==2.13.0+cpu transformers==5.17.0 peft safetensors pillow
    python verify_export.py FOLDER
"""

import os
import sys

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))
export = sys.argv[1]
base = os.path.join(HERE, "tiny-qwen2-vl")
ours = load_file(os.path.join(export, "logits.safetensors"))["logits"]

text = AutoTokenizer.from_pretrained(os.path.join(export, "merged"))
processor = Qwen2VLImageProcessorPil.from_pretrained(os.path.join(export, "merged"))
content = [dict(type="image"), dict(type="text", text="is there a dog ?")]
prompt = text.apply_chat_template([dict(role="user", content=content)], add_generation_prompt=True, tokenize=True, return_dict=False)
vision = processor(images=[Image.open(os.path.join(HERE, "image-0.png"))], return_tensors="pt")
image = text.convert_tokens_to_ids("<|image_pad|>")
tokens = vision["image_grid_thw"].prod().item() // 4
answer = text.encode("no , there is no cat", add_special_tokens=False) + [text.eos_token_id]
ids = torch.tensor([[t for token in prompt for t in [token] * (tokens if token == image else 1)] + answer[:-1]])

merged = Qwen2VLForConditionalGeneration.from_pretrained(os.path.join(export, "merged"), dtype=torch.float32)
plain = Qwen2VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
adapted = PeftModel.from_pretrained(plain, os.path.join(export, "adapter"))
for name, model in dict(transformers=merged, peft=adapted).items():
    with torch.no_grad():
        logits = model(input_ids=ids, mm_token_type_ids=(ids == image).int(), **vision).logits[0, -len(answer) :]
    difference = (logits.flatten() - ours).abs().max() / ours.abs().max()
    print(f"{name}: largest difference of logits {difference:.2e} of the largest logit")
    assert difference < 1e-4
