"""Token ids of conversations, by the chat template of the tiny checkpoint beside this.

    pip install transformers==5.17.0
    python turns_golden.py

writes turns.json: of each conversation its messages, as a data file has them, and its ids.
"""

import json
import os

from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = {"type": "image"}


def text(content):
    return {"type": "text", "text": content}


CONVERSATIONS = [
    [
        {"role": "user", "content": [IMAGE, text("is there a dog ?")]},
        {"role": "assistant", "content": [text("no")]},
        {"role": "user", "content": [text("what colour is the car ?")]},
    ],
    [
        {"role": "system", "content": [text("answer in one word")]},
        {"role": "user", "content": [text("is "), IMAGE, text(" before "), IMAGE, text(" ?")]},
    ],
    [{"role": "user", "content": [text("what is in the picture ?"), IMAGE]}],
    [
        {"role": "user", "content": [text("hello ")]},
        {"role": "assistant", "content": [text(" yes")]},
        {"role": "user", "content": [IMAGE, IMAGE, text("which is red ?")]},
    ],
]

tokenizer = AutoTokenizer.from_pretrained(os.path.join(HERE, "tiny-qwen2-vl"))
rows = []
for messages in CONVERSATIONS:
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
    rows.append({"messages": messages, "ids": ids})
with open(os.path.join(HERE, "turns.json"), "w", encoding="utf-8") as file:
    json.dump(rows, file, indent=1)
