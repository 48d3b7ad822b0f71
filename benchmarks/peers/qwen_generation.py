"""Times transformers' generation from a Qwen2-VL checkpoint: what QwenGenerationBenchmark is compared with.

    pip install torch==2.13.0+cpu transformers==5.17.0 tokenizers safetensors pillow numpy
    python qwen_generation.py FOLDER [--threads 1] [--tokens 16] [--rounds 3] [--dtype Float|BFloat16] [--csv FILE]

FOLDER as qwen_checkpoint.py makes it. Prompt: one image of 308 x 224 pixels (88 tokens) and a question. Median
seconds of the prompt's pass with the first token, of a further token, and of 8 samples of a prompt.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

from peer_results import record

QUESTION = "is there a dog in the picture ? is there a cat ? what colour is the car ?"
WIDTH, HEIGHT, SAMPLES = 308, 224, 8


def image():
    """The image of QwenGenerationBenchmark."""
    values = numpy.fromfunction(lambda y, x, c: (x * 7 + y * 13 + c * 101) % 256, (HEIGHT, WIDTH, 3))
    return Image.fromarray(values.astype(numpy.uint8))


def inputs(folder):
    text = PreTrainedTokenizerFast.from_pretrained(folder)
    processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    pixels = processor(images=[image()], return_tensors="pt")
    content = [dict(type="image"), dict(type="text", text=QUESTION)]
    ids = text.apply_chat_template(
        [dict(role="user", content=content)], add_generation_prompt=True, tokenize=True, return_dict=False)
    place = json.loads((Path(folder) / "config.json").read_text())["image_token_id"]
    tokens = int(pixels["image_grid_thw"].prod()) // 4
    ids = [i for token in ids for i in ([token] * tokens if token == place else [token])]
    ids = torch.tensor([ids])
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels["pixel_values"],
                image_grid_thw=pixels["image_grid_thw"], mm_token_type_ids=(ids == place).long())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", choices=["Float", "BFloat16"], default="BFloat16")
    parser.add_argument("--csv", default="results.csv")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype = dict(Float=torch.float32, BFloat16=torch.bfloat16)[options.dtype]
    model = Qwen2VLForConditionalGeneration.from_pretrained(options.folder, dtype=dtype).eval()
    given = inputs(options.folder)

    def seconds(tokens, **how):
        start = time.perf_counter()
        with torch.no_grad():
            made = model.generate(**given, max_new_tokens=tokens, **how)
        assert made.shape[1] == given["input_ids"].shape[1] + tokens, "the checkpoint said its stop token"
        return time.perf_counter() - start

    group = dict(do_sample=True, temperature=1.0, top_k=0, num_return_sequences=SAMPLES)
    seconds(1, do_sample=False)
    first, whole, groups = [], [], []
    for _ in range(options.rounds):
        first.append(seconds(1, do_sample=False))
        whole.append(seconds(options.tokens, do_sample=False))
        groups.append(seconds(options.tokens, **group))
    prompt = statistics.median(first)
    token = (statistics.median(whole) - prompt) / (options.tokens - 1)
    layers = model.config.text_config.num_hidden_layers
    parameters = dict(dtype=options.dtype, layers=layers, prompt=given["input_ids"].shape[1], threads=options.threads)
    runtime = f"PyTorch {torch.__version__} transformers {transformers.__version__}"
    name = "QwenGenerationBenchmark.pytorchTransformers"
    spread = prompt - min(first)
    record(options.csv, name + "Prompt", parameters, prompt, spread, runtime, unit="s/op")
    record(options.csv, name + "Token", parameters, token, spread / options.tokens, runtime, unit="s/op")
    record(options.csv, name + "Group", parameters, statistics.median(groups),
           statistics.median(groups) - min(groups), runtime, unit="s/op")
    print(f"{parameters}: prompt {prompt:.3f} s, {1 / token:.2f} tokens/s")


if __name__ == "__main__":
    main()
