"""Writes a Qwen2-VL checkpoint with random weights of real width: for speed and memory, it says nothing sensible.

    pip install torch==2.13.0+cpu transformers==5.17.0 tokenizers safetensors numpy
    python qwen_checkpoint.py FOLDER [--layers 28] [--vision-layers 32] [--shard-gigabytes 1]

The defaults are Qwen2-VL-2B's shapes (2.2 G parameters, bfloat16, 4.1 GiB). Tokenizer, template and image
processor are those of the tests' tiny checkpoint.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

TINY = Path(__file__).resolve().parents[2] / "java/mbpo/src/test/resources/org/equipoise/mbpo/checkpoint/tiny-qwen2-vl"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--vision-layers", type=int, default=32)
    parser.add_argument("--shard-gigabytes", type=int, default=1)
    options = parser.parse_args()
    tiny = json.loads((TINY / "config.json").read_text())
    rope = dict(rope_type="default", rope_theta=1000000.0, mrope_section=[16, 24, 24])
    special = {key: value for key, value in tiny.items() if key.endswith("_token_id")}
    config = Qwen2VLConfig(
        text_config=dict(
            vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=options.layers,
            num_attention_heads=12, num_key_value_heads=2, rope_parameters=rope, rms_norm_eps=1e-6,
            eos_token_id=tiny["text_config"]["eos_token_id"], tie_word_embeddings=True),
        vision_config=dict(depth=options.vision_layers, embed_dim=1280, hidden_size=1536, mlp_ratio=4, num_heads=16,
                           patch_size=14),
        tie_word_embeddings=True, **special)
    torch.manual_seed(3)
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen2VLForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id = tiny["text_config"]["eos_token_id"]
    model.save_pretrained(options.folder, max_shard_size=f"{options.shard_gigabytes}GB")
    for file in TINY.iterdir():
        if file.name not in ("config.json", "generation_config.json", "model.safetensors"):
            shutil.copy(file, options.folder)
    processor = json.loads((TINY / "preprocessor_config.json").read_text())
    processor["size"]["longest_edge"] = 512 * 28 * 28
    (options.folder / "preprocessor_config.json").write_text(json.dumps(processor))
    print(f"{sum(p.numel() for p in model.parameters()) / 1e9:.3f} G parameters in {options.folder}")


if __name__ == "__main__":
    main()
