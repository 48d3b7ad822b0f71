"""Lets TRL's DPOTrainer take one step on a preference file, with a tiny random vision model.

usage: python trl_step.py FOLDER      FOLDER holds preferences.jsonl and its images
needs: trl 1.13, transformers 5.17, torch, datasets, pillow
"""

import copy
import re
import sys
import tempfile

from datasets import Image, List, load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from trl import DPOConfig, DPOTrainer

CHAT = (
    "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end>{% endfor %}"
)


def tiny_model(texts):
    """A random LLaVA of two layers, and a processor that knows the words of these texts."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<end>", "<image>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        extra_special_tokens={"image_token": "<image>"},
    )
    side = 32
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    processor = LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    )
    width = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(image_size=side, patch_size=8, **width),
        text_config=LlamaConfig(vocab_size=len(vocabulary), bos_token_id=1, eos_token_id=1, pad_token_id=0, **width),
        image_token_id=vocabulary["<image>"],
    )
    return LlavaForConditionalGeneration(config), processor


folder = sys.argv[1]
pairs = load_dataset("json", data_files=f"{folder}/preferences.jsonl", split="train")
sides = ("prompt", "chosen", "rejected")
model, processor = tiny_model([m["content"] for pair in pairs for side in sides for m in pair[side]])

pairs = pairs.map(lambda pair: {"images": [f"{folder}/{path}" for path in pair["images"]]})
pairs = pairs.cast_column("images", List(Image()))
with tempfile.TemporaryDirectory() as output:
    options = DPOConfig(
        output, max_steps=1, max_length=None, report_to=[], use_cpu=True, save_strategy="no"
    )
    trainer = DPOTrainer(
        model,
        copy.deepcopy(model),
        args=options,
        train_dataset=pairs,
        processing_class=processor,
    )
    loss = trainer.train().training_loss
print(f"{len(pairs)} pairs, loss of the first step {loss:.4f} (ln 2 = 0.6931 is right)")
