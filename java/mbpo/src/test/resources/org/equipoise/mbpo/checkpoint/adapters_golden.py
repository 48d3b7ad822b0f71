"""Adapters as PEFT 0.21 saves them, over tiny-qwen2-vl and a tiny Qwen2.5-VL, and the logits that PEFT gives with them.

    pip install torch==2.13.0+cpu transformers==5.17.0 peft==0.21.0 safetensors pillow
    python adapters_golden.py

writes, beside itself, the folder tiny-qwen2.5-vl (configuration and weights; the tokenizer is tiny-qwen2-vl's), the
folder adapters, and adapters.safetensors with the logits of the answer in ExportTest under each adapter's name.
"""

import json
import os
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

HERE = os.path.dirname(os.path.abspath(__file__))
QWEN2, QWEN25 = os.path.join(HERE, "tiny-qwen2-vl"), os.path.join(HERE, "tiny-qwen2.5-vl")
ADAPTERS = os.path.join(HERE, "adapters")
LANGUAGE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
OLD_NAMES = r"^(?!.*visual).*(?:q_proj|v_proj|down_proj).*"

# Name, whether over Qwen2.5-VL, and what is told to PEFT.
CASES = [
    ("plain", False, dict(r=2, lora_alpha=3, target_modules=["q_proj", "v_proj"], lora_dropout=0.1)),
    ("old-names", False, dict(r=2, lora_alpha=5, target_modules=OLD_NAMES, init_lora_weights="gaussian")),
    (
        "expression",
        False,
        dict(
            r=4,
            lora_alpha=3,
            use_rslora=True,
            target_modules=r"model\.language_model\.layers\.\d+\.(self_attn\.[qv]|mlp\.up)_proj",
            alpha_pattern={"v_proj": 9},
        ),
    ),
    (
        "patterns",
        False,
        dict(
            r=2,
            lora_alpha=3,
            use_rslora=True,
            target_modules=LANGUAGE,
            rank_pattern={"k_proj": 3, r"layers\.1\.mlp\..*_proj": 1},
            alpha_pattern={"^model.language_model.layers.1.self_attn.o_proj": 9, "mlp.down_proj": 1},
            exclude_modules=["up_proj"],
        ),
    ),
    (
        "some-layers",
        False,
        dict(r=2, lora_alpha=8, target_modules=LANGUAGE, layers_to_transform=[1], layers_pattern="layers", fan_in_fan_out=True),
    ),
    ("all-linear", False, dict(r=1, lora_alpha=2, target_modules="all-linear", bias="lora_only")),
    ("saved-head", False, dict(r=1, target_modules=["q_proj"], modules_to_save=["lm_head"])),
    ("saved-embedding", False, dict(r=1, target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    ("tied-embedding", False, dict(r=1, target_modules=["q_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    ("tokens", False, dict(r=1, target_modules=["q_proj"], trainable_token_indices=[5, 300, 313])),
    ("adapted-embedding", False, dict(r=1, lora_alpha=6, target_modules=["embed_tokens", "q_proj", "patch_embed.proj"])),
    ("qwen2.5-all-linear", True, dict(r=2, lora_alpha=3, use_rslora=True, target_modules="all-linear", bias="all")),
    (
        "qwen2.5-saved",
        True,
        dict(
            r=1,
            lora_alpha=4,
            target_modules=["q_proj", "gate_proj", "lm_head"],
            alpha_pattern={"visual.blocks.0.mlp.gate_proj": 2},
            modules_to_save=["merger"],
        ),
    ),
]


def second_generation():
    with open(os.path.join(QWEN2, "config.json")) as file:
        first = json.load(file)
    text = dict(first["text_config"], tie_word_embeddings=False)
    for unwanted in ("model_type", "layer_types"):
        text.pop(unwanted)
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=dict(
            depth=2, hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=32, window_size=56, fullatt_block_indexes=[1]
        ),
        **{key: first[key] for key in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")},
        tie_word_embeddings=False,
    )
    torch.manual_seed(4)
    model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model.save_pretrained(QWEN25)
    for name in os.listdir(QWEN25):
        if name not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(QWEN25, name))


def inputs():
    text = AutoTokenizer.from_pretrained(QWEN2)
    processor = Qwen2VLImageProcessorPil.from_pretrained(QWEN2)
    content = [dict(type="image"), dict(type="text", text="is there a dog ?")]
    prompt = text.apply_chat_template([dict(role="user", content=content)], add_generation_prompt=True, tokenize=True, return_dict=False)
    vision = processor(images=[Image.open(os.path.join(HERE, "image-0.png"))], return_tensors="pt")
    image = text.convert_tokens_to_ids("<|image_pad|>")
    tokens = vision["image_grid_thw"].prod().item() // 4
    answer = text.encode("no , there is no cat", add_special_tokens=False) + [text.eos_token_id]
    ids = torch.tensor([[t for token in prompt for t in [token] * (tokens if token == image else 1)] + answer[:-1]])
    return dict(input_ids=ids, mm_token_type_ids=(ids == image).int(), **vision), len(answer)


def base(second):
    kind, folder = (Qwen2_5_VLForConditionalGeneration, QWEN25) if second else (Qwen2VLForConditionalGeneration, QWEN2)
    return kind.from_pretrained(folder, dtype=torch.float32)


def rename_as_before_transformers_5(folder):
    """Keys of transformers 4, and those of a state that was saved with the adapter's name in them."""
    file = os.path.join(folder, "adapter_model.safetensors")
    tensors = load_file(file)
    renamed = {
        key.replace("model.language_model.", "model.").replace(".weight", ".default.weight"): tensor for key, tensor in tensors.items()
    }
    save_file(renamed, file, {"format": "pt"})


def main():
    second_generation()
    shutil.rmtree(ADAPTERS, ignore_errors=True)
    given, answer = inputs()
    logits = {}
    for name, second, settings in CASES:
        torch.manual_seed(len(name))
        model = get_peft_model(base(second), LoraConfig(task_type="CAUSAL_LM", **settings))
        with torch.no_grad():
            for path, parameter in model.named_parameters():
                if parameter.requires_grad:
                    spread = 0.3 if "lora_" in path else 0.05
                    parameter.add_(spread * torch.randn_like(parameter))
                    parameter.copy_(parameter.to(torch.bfloat16).float())
        folder = os.path.join(ADAPTERS, name)
        model.save_pretrained(folder)
        os.path.exists(os.path.join(folder, "README.md")) and os.remove(os.path.join(folder, "README.md"))
        with open(os.path.join(folder, "adapter_config.json")) as file:
            config = json.load(file)
        config["base_model_name_or_path"] = "tiny"  # and no path of this machine
        for key in ("target_modules", "exclude_modules"):
            if isinstance(config[key], list):
                config[key] = sorted(config[key])
        with open(os.path.join(folder, "adapter_config.json"), "w") as file:
            json.dump(config, file, indent=1)
        again = PeftModel.from_pretrained(base(second), folder).eval()
        with torch.no_grad():
            logits[name] = again(**given).logits[0, -answer:].clone()
            plain = base(second)(**given).logits[0, -answer:]
        if name == "old-names":
            rename_as_before_transformers_5(folder)
        file = os.path.join(folder, "adapter_model.safetensors")
        tensors = {key: tensor.to(torch.bfloat16) for key, tensor in load_file(file).items()}
        save_file(tensors, file, {"format": "pt"})
        difference = (logits[name] - plain).abs().max() / logits[name].abs().max()
        print(name, os.path.getsize(file), "bytes; off from the base by", difference.item(), [key for key in tensors if "lora_A" not in key and "lora_B" not in key][:6])
        assert difference > 0.05
    save_file(logits, os.path.join(HERE, "adapters.safetensors"))


if __name__ == "__main__":
    main()
