"""Golden values of transformers' Qwen2-VL and Qwen2.5-VL for tiny random configurations.

    pip install torch==2.13.0+cpu transformers==5.17.0 safetensors pillow numpy
    python qwen_golden.py

writes, beside itself, one NAME.safetensors for each case: weights (bf16-exact values in float32 take half the space,
so weights are stored as bf16), 8-bit images, token ids with one placeholder per image, logits of the answer tokens,
the gradient of their weighted sum with respect to the images in [0, 1] and to every weight, and greedy continuations.
"""

import json
import os

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

HERE = os.path.dirname(os.path.abspath(__file__))
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
VOCABULARY, IMAGE, START, END, STOP = 160, 150, 151, 152, 153
PATCH, MERGE, TEMPORAL = 4, 2, 2
NEW_TOKENS = 12

# name, 2.5?, width, heads, key-value heads, tied, layers, vision width, heads, depth
CASES = [
    ("qwen2-gqa-tied", False, 32, 4, 2, True, 2, 16, 2, 2),
    ("qwen2-mha-untied", False, 32, 2, 2, False, 2, 24, 3, 2),
    ("qwen25-gqa-untied", True, 48, 6, 2, False, 2, 16, 2, 3),
    ("qwen25-mqa-tied", True, 32, 4, 1, True, 3, 32, 4, 3),
]


def configuration(second, width, heads, kv, tied, layers, vision_width, vision_heads, depth):
    quarter = width // heads // 8
    half = width // heads // 2
    rope = dict(
        rope_type="default",
        rope_theta=10000.0,
        mrope_section=[max(1, quarter), (half - max(1, quarter)) // 2, 0],
    )
    rope["mrope_section"][2] = half - sum(rope["mrope_section"][:2])
    text = dict(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        rms_norm_eps=1e-6,
        rope_parameters=rope,
        bos_token_id=1,
        eos_token_id=STOP,
        pad_token_id=0,
        tie_word_embeddings=tied,
    )
    common = dict(
        text_config=text,
        image_token_id=IMAGE,
        video_token_id=154,
        vision_start_token_id=START,
        vision_end_token_id=END,
        tie_word_embeddings=tied,
    )
    vision = dict(
        depth=depth,
        num_heads=vision_heads,
        patch_size=PATCH,
        spatial_merge_size=MERGE,
        temporal_patch_size=TEMPORAL,
    )
    if second:
        vision.update(
            hidden_size=vision_width,
            intermediate_size=2 * vision_width,
            out_hidden_size=width,
            window_size=2 * PATCH * MERGE,
            fullatt_block_indexes=[1],
        )
        return Qwen2_5_VLConfig(vision_config=vision, **common)
    vision.update(embed_dim=vision_width, hidden_size=width, mlp_ratio=2)
    return Qwen2VLConfig(vision_config=vision, **common)


def image(height, width, seed):
    """Smooth colours with some noise, 8 bits."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [128 + 80 * numpy.sin((y * a + x * b) / 7 + c) for a, b, c in random.uniform(-1, 1, (3, 3))]
    noisy = numpy.stack(planes, -1) + random.normal(0, 12, (height, width, 3))
    return numpy.clip(noisy, 0, 255).astype(numpy.uint8)


def patches(pixels):
    """[3, H, W] in [0, 1] to the processor's rows, differentiable."""
    height, width = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
    x = (pixels - MEAN[:, None, None]) / STD[:, None, None]
    x = x.view(3, height // MERGE, MERGE, PATCH, width // MERGE, MERGE, PATCH)
    x = x.permute(1, 4, 2, 5, 0, 3, 6)
    x = x.unsqueeze(5).expand(-1, -1, -1, -1, -1, TEMPORAL, -1, -1)
    return x.reshape(height * width, -1), torch.tensor([1, height, width])


def run(name, second, *shape):
    config = configuration(second, *shape)
    torch.manual_seed(len(name) * 7 + shape[0])
    kind = Qwen2_5_VLForConditionalGeneration if second else Qwen2VLForConditionalGeneration
    model = kind(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.25 if parameter.dim() > 1 else 0.1
            centre = parameter.mean().round()  # norms stay around one
            parameter.copy_((centre + spread * torch.randn_like(parameter)).to(torch.bfloat16).float())
    if config.tie_word_embeddings:
        assert model.lm_head.weight is model.model.language_model.embed_tokens.weight

    # Two images of different sizes in one prompt, one image, the first image again, text only.
    images = [image(24, 40, 1), image(32, 16, 2)]
    rows = [
        ([3, START, IMAGE, END, 17, START, IMAGE, END, 21, 22], [0, 1], [31, 32, STOP]),
        ([5, 6, START, IMAGE, END, 40], [1], [50, 51, 52, 53, STOP]),
        ([3, START, IMAGE, END, 60, 61, 62], [0], [70]),
        ([80, 81, 82, 83], [], [90, 91]),
    ]
    pixels = [torch.from_numpy(i).permute(2, 0, 1).float().div(255).requires_grad_() for i in images]
    processor = Qwen2VLImageProcessorPil(
        do_resize=False, patch_size=PATCH, merge_size=MERGE, temporal_patch_size=TEMPORAL
    )
    for picture, tensor in zip(images, pixels):
        theirs = processor(images=[Image.fromarray(picture)], return_tensors="pt")
        ours, grid = patches(tensor)
        assert torch.equal(theirs["image_grid_thw"][0], grid)
        assert (theirs["pixel_values"] - ours).abs().max() < 1e-5

    tensors = {}
    total = 0
    for index, (prompt, which, answer) in enumerate(rows):
        packed = [patches(pixels[i]) for i in which]
        expanded, upcoming = [], iter(packed)
        for token in prompt:
            times = next(upcoming)[0].shape[0] // MERGE**2 if token == IMAGE else 1
            expanded += [token] * times
        ids = torch.tensor([expanded + answer[:-1]])
        inputs = dict(input_ids=ids, mm_token_type_ids=(ids == IMAGE).int())
        vision = {}
        if packed:
            vision = dict(
                pixel_values=torch.cat([p for p, _ in packed]),
                image_grid_thw=torch.stack([g for _, g in packed]),
            )
        logits = model(**inputs, **vision).logits[0, -len(answer) :]
        weights = torch.sin(torch.arange(logits.numel()).float() * 0.37 + index).view_as(logits)
        total = total + (logits * weights).sum()
        tensors[f"logits.{index}"] = logits.detach().clone()
        prompt_ids = torch.tensor([expanded])
        with torch.no_grad():
            generated = model.generate(
                input_ids=prompt_ids,
                mm_token_type_ids=(prompt_ids == IMAGE).int(),
                attention_mask=torch.ones_like(prompt_ids),
                **{k: v.detach() for k, v in vision.items()},
                do_sample=False,
                max_new_tokens=NEW_TOKENS,
                output_logits=True,
                return_dict_in_generate=True,
            )
        steps = torch.cat(generated.logits)
        best = steps.topk(2, -1).values
        tensors[f"generated.{index}"] = generated.sequences[0, prompt_ids.shape[1] :].to(torch.int32)
        tensors[f"margin.{index}"] = best[:, 0] - best[:, 1]
        tensors[f"prompt.{index}"] = torch.tensor(prompt, dtype=torch.int32)
        tensors[f"answer.{index}"] = torch.tensor(answer, dtype=torch.int32)
        tensors[f"images.{index}"] = torch.tensor(which, dtype=torch.int32)
    total.backward()
    for index, (picture, tensor) in enumerate(zip(images, pixels)):
        tensors[f"image.{index}"] = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
        tensors[f"image_gradient.{index}"] = tensor.grad
    for path, parameter in model.named_parameters():
        tensors["weight." + path] = parameter.detach().to(torch.bfloat16)
        tensors["gradient." + path] = parameter.grad.clone()
    for key in list(tensors):
        if key.startswith("gradient.") and tensors[key].dim() > 1:
            # A tenth of the rows of a matrix, and weighted sums over all of them (plain ones vanish before a
            # layer norm), tell as much.
            gradient = tensors.pop(key).flatten(1)
            factors = torch.cos(torch.arange(len(gradient)).float() * 0.7)
            tensors[key + ".sums"] = factors @ gradient
            tensors[key + ".rows"] = gradient[::10].clone()
    settings = config.to_dict()
    file = os.path.join(HERE, name + ".safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, file, {"config": json.dumps(settings)})
    print(name, os.path.getsize(file), "bytes")


for case in CASES:
    run(*case)
