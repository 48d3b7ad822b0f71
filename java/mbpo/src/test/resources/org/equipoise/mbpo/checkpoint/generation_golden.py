"""Greedy answers of transformers 5.17 for tiny-qwen2-vl with an adapter, under what generation_config.json may ask for.

    pip install torch==2.13.0+cpu transformers==5.17.0 peft==0.21.0 safetensors pillow
    python generation_golden.py

writes generation.json beside itself: for each configuration the tokens and how far the best score was above the next.
"""

import json
import os

import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoTokenizer, GenerationConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = os.path.join(HERE, "tiny-qwen2-vl")
ADAPTER = "all-linear"  # by itself the base says one token for ever
TOKENS = 10


def inputs():
    text = AutoTokenizer.from_pretrained(BASE)
    processor = Qwen2VLImageProcessorPil.from_pretrained(BASE)
    content = [dict(type="image"), dict(type="text", text="is there a dog ?")]
    prompt = text.apply_chat_template([dict(role="user", content=content)], add_generation_prompt=True, tokenize=True, return_dict=False)
    vision = processor(images=[Image.open(os.path.join(HERE, "image-0.png"))], return_tensors="pt")
    image = text.convert_tokens_to_ids("<|image_pad|>")
    tokens = vision["image_grid_thw"].prod().item() // 4
    ids = torch.tensor([[t for token in prompt for t in [token] * (tokens if token == image else 1)]])
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == image).int(), **vision)


def main():
    base = Qwen2VLForConditionalGeneration.from_pretrained(BASE, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, os.path.join(HERE, "adapters", ADAPTER)).eval()
    given = inputs()
    length = given["input_ids"].shape[1]

    def run(**settings):
        config = GenerationConfig(eos_token_id=[313, 311], pad_token_id=311, max_new_tokens=TOKENS, do_sample=False, **settings)
        result = model.generate(**given, generation_config=config, output_scores=True, return_dict_in_generate=True)
        steps = torch.cat(result.scores)
        best = steps.topk(2, -1).values
        margin = (best[:, 0] - best[:, 1]).tolist()
        return dict(config=settings, tokens=result.sequences[0, length:].tolist(), margin=[min(m, 1e9) for m in margin])

    plain = run()
    first = plain["tokens"]
    cases = [
        plain,
        run(repetition_penalty=1.3),
        run(repetition_penalty=0.8),
        run(no_repeat_ngram_size=1),
        run(no_repeat_ngram_size=2),
        run(no_repeat_ngram_size=3),
        run(bad_words_ids=[first[1:3], [313]]),
        run(bad_words_ids=[[first[0]]]),
        run(suppress_tokens=first[:2]),
        run(begin_suppress_tokens=first[:1]),
        run(forced_eos_token_id=313),
    ]
    # A model that would end at once: the first answer's first token ends answers.
    for settings in (dict(), dict(min_new_tokens=4), dict(min_length=length + 3), dict(min_length=5)):
        config = GenerationConfig(eos_token_id=first[0], pad_token_id=311, max_new_tokens=TOKENS, do_sample=False, **settings)
        result = model.generate(**given, generation_config=config, output_scores=True, return_dict_in_generate=True)
        best = torch.cat(result.scores).topk(2, -1).values
        cases.append(
            dict(
                config=dict(settings, eos_token_id=first[0]),
                tokens=result.sequences[0, length:].tolist(),
                margin=(best[:, 0] - best[:, 1]).tolist(),
            )
        )
    with open(os.path.join(HERE, "generation.json"), "w") as file:
        json.dump(cases, file, indent=1)
    for case in cases:
        print(case["config"], case["tokens"], min(case["margin"]))


main()
