"""A whole tiny Qwen2-VL checkpoint as transformers saves it, and what transformers makes of texts and images with it.

    pip install torch==2.13.0+cpu transformers==5.17.0 tokenizers safetensors pillow numpy
    python checkpoint_golden.py

writes, beside itself, the folder tiny-qwen2-vl and prompts.json, and image-N.png with its resized image-N-resized.png.
"""

import json
import os

import numpy
import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "tiny-qwen2-vl")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
CORPUS = ["is there a dog in the picture ? yes", "no , there is no cat", "what colour is the car ? red", "You are a helpful assistant."] * 3
MIN_PIXELS, MAX_PIXELS = 56 * 56, 20 * 28 * 28

with open(os.path.join(HERE, "../../../../../../main/resources/org/equipoise/mbpo/checkpoint/templates/qwen2-vl.jinja"), encoding="utf-8") as file:
    TEMPLATE = file.read()
QUESTIONS = [
    (1, "is there a dog in the picture ?"),
    (2, "what is the colour of both cars?\nanswer in one word"),
    (0, "You are a helpful assistant. yes"),
    (1, "日本語 – größer 🙂  two  spaces"),
    (1, ""),
    (0, "  leading and trailing  "),
]
ANSWERS = ["yes", "no , there is no cat", "größer 🙂", "a\nb"]


def tokenizer():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=313, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(CORPUS, trainer)
    bpe.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    return fast


def photograph(height, width, seed):
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [128 + 90 * numpy.sin((y * a + x * b) / 9 + c) + 60 * ((x // 7 + y // 5) % 2 - 0.5) for a, b, c in random.uniform(-1, 1, (3, 3))]
    return numpy.clip(numpy.stack(planes, -1) + random.normal(0, 3, (height, width, 3)), 0, 255).astype(numpy.uint8)


def main():
    text = tokenizer()
    ids = {token: text.convert_tokens_to_ids(token) for token in SPECIAL}
    config = Qwen2VLConfig(
        text_config=dict(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            rope_parameters=dict(rope_type="default", rope_theta=10000.0, mrope_section=[2, 1, 1]),
            eos_token_id=ids["<|im_end|>"],
            tie_word_embeddings=True,
        ),
        vision_config=dict(depth=1, embed_dim=16, hidden_size=32, mlp_ratio=2, num_heads=2, patch_size=14),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(3)
    model = Qwen2VLForConditionalGeneration(config).to(torch.bfloat16).eval()
    model.generation_config.eos_token_id = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    model.save_pretrained(FOLDER)
    text.save_pretrained(FOLDER)
    processor = Qwen2VLImageProcessorPil(size=dict(shortest_edge=MIN_PIXELS, longest_edge=MAX_PIXELS))
    processor.save_pretrained(FOLDER)

    prompts = []
    for images, question in QUESTIONS:
        content = [dict(type="image")] * images + [dict(type="text", text=question)]
        encoded = text.apply_chat_template([dict(role="user", content=content)], add_generation_prompt=True, tokenize=True, return_dict=False)
        prompts.append(dict(images=images, question=question, ids=encoded))
    answers = [dict(text=answer, ids=text.encode(answer, add_special_tokens=False) + [ids["<|im_end|>"]]) for answer in ANSWERS]
    with open(os.path.join(HERE, "prompts.json"), "w", encoding="utf-8") as file:
        json.dump(dict(prompts=prompts, answers=answers), file, ensure_ascii=False, indent=1)

    for index, (height, width) in enumerate([(97, 61), (211, 317), (33, 158), (140, 140)]):
        source = Image.fromarray(photograph(height, width, index))
        source.save(os.path.join(HERE, f"image-{index}.png"))
        h, w = smart_resize(height, width, 28, MIN_PIXELS, MAX_PIXELS)
        resized = source.resize((w, h), Image.Resampling.BICUBIC)
        resized.save(os.path.join(HERE, f"image-{index}-resized.png"))
        values = processor(images=[source], return_tensors="pt")
        mean, std = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
        ours = (torch.from_numpy(numpy.array(resized)).float() / 255 - mean) / std
        assert abs(ours.sum().item() * 2 / values["pixel_values"].sum().item() - 1) < 1e-4
        assert values["image_grid_thw"].tolist() == [[1, h // 14, w // 14]]
    sizes = [(1, 5), (56, 55), (70, 42), (98, 4000), (4000, 6000), (27, 29), (14, 14), (42, 70), (2999, 15)]
    bounds = [(56 * 56, 20 * 784), (56 * 56, 512 * 784), (4 * 784, 16384 * 784)]
    table = [
        [h, w, low, high, *smart_resize(h, w, 28, low, high)]
        for h, w in sizes
        for low, high in bounds
        if max(h, w) / min(h, w) <= 200
    ]
    with open(os.path.join(HERE, "sizes.json"), "w") as file:
        json.dump(table, file)


main()
