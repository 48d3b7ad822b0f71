"""The names of all fields that transformers 5.17 and PEFT 0.21 write for Qwen2-VL and Qwen2.5-VL.

    pip install torch==2.13.0+cpu transformers==5.17.0 peft==0.21.0
    python checkpoint_fields.py

writes fields.json beside itself.
"""

import dataclasses
import json
import os

from peft import LoraConfig
from transformers import GenerationConfig, Qwen2_5_VLConfig, Qwen2VLConfig

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    fields = {"root": set(), "text": set(), "vision": set()}
    for kind in (Qwen2VLConfig, Qwen2_5_VLConfig):
        config = kind().to_dict()
        fields["root"] |= set(config)
        fields["text"] |= set(config["text_config"])
        fields["vision"] |= set(config["vision_config"])
    # What transformers keeps although no class declares it: set by generation, training and the Hub.
    fields["root"] |= {"tie_word_embeddings", "dtype", "quantization_config"}
    fields["generation"] = set(GenerationConfig().to_dict())
    fields["adapter"] = {field.name for field in dataclasses.fields(LoraConfig)}
    with open(os.path.join(HERE, "fields.json"), "w") as file:
        json.dump({name: sorted(names) for name, names in fields.items()}, file, indent=1)


main()
