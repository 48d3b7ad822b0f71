"""What transformers makes of images and texts with other settings in a checkpoint's processor's and tokenizer's files.

    pip install torch==2.13.0+cpu transformers==5.17.0 tokenizers safetensors pillow numpy
    python checkpoint_golden.py; python processor_golden.py

writes processor.json and templates.json beside itself: files that replace those of tiny-qwen2-vl, and the outcome; and
processor_fields.json with the names of all fields.
"""

import json
import os
import re
import shutil
import tempfile
import zlib

import numpy
from PIL import Image
from transformers import AutoTokenizer, Qwen2Tokenizer, Qwen2VLImageProcessorPil, Qwen2VLProcessor

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, "tiny-qwen2-vl")
TEMPLATES = os.path.join(HERE, "../../../../../../main/resources/org/equipoise/mbpo/checkpoint/templates")
PROBES = 24


def folder(files):
    """A copy of the tiny checkpoint's folder with other files; None deletes one."""
    target = os.path.join(tempfile.mkdtemp(), "checkpoint")
    shutil.copytree(TINY, target, ignore=shutil.ignore_patterns("*.safetensors"))
    for name, content in files.items():
        path = os.path.join(target, name)
        if content is None:
            os.remove(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
    return target


def planes(processor, image):
    """Values [3, height, width], the patches put together again."""
    values = processor(images=[image], return_tensors="np")
    _, h, w = values["image_grid_thw"][0]
    merge, patch = processor.merge_size, processor.patch_size
    blocks = values["pixel_values"].reshape(h // merge, w // merge, merge, merge, 3, processor.temporal_patch_size, patch, patch)
    assert (blocks[:, :, :, :, :, 0] == blocks[:, :, :, :, :, 1]).all()
    return blocks[:, :, :, :, :, 0].transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, h * patch, w * patch)


def image_case(name, files, image="image-0.png"):
    target = folder(files)
    processor = Qwen2VLImageProcessorPil.from_pretrained(target)
    source = Image.open(os.path.join(HERE, image))
    values = planes(processor, source)
    # What was resized, before it was scaled: the same call without scaling gives the codes themselves.
    processor.do_rescale = processor.do_normalize = False
    codes = planes(processor, source)
    assert (codes == codes.round()).all() and codes.min() >= 0 and codes.max() <= 255
    probes = numpy.linspace(0, values.size - 1, PROBES).astype(int)
    return dict(
        name=name,
        files=files,
        image=image,
        height=values.shape[1],
        width=values.shape[2],
        crc=zlib.crc32(codes.astype(numpy.uint8).tobytes()),
        probes=probes.tolist(),
        values=[float(value) for value in values.reshape(-1)[probes]],
    )


def image_cases():
    with open(os.path.join(TINY, "preprocessor_config.json"), encoding="utf-8") as file:
        base = json.load(file)

    def old(**changes):
        merged = {key: value for key, value in {**base, **changes}.items() if value != "absent"}
        return {"preprocessor_config.json": merged}

    small = dict(shortest_edge=784, longest_edge=6000)
    nested = {**base, "size": small, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7]}
    processor = {"image_processor": nested, "processor_class": "Qwen2VLProcessor"}
    return [
        image_case("as published", old()),
        *[image_case(f"resample {code}", old(resample=code, size=small)) for code in range(6)],
        *[image_case(f"enlarged, resample {code}", old(resample=code, size=dict(shortest_edge=14000, longest_edge=20000)), "image-2.png") for code in range(6)],
        image_case("not normalised", old(do_normalize=False, size=small)),
        image_case("not scaled", old(do_rescale=False, size=small)),
        image_case("neither", old(do_rescale=False, do_normalize=False, size=small)),
        image_case("scaled to two", old(rescale_factor=1 / 127.5, size=small)),
        image_case("one mean", old(image_mean=0.5, image_std=0.25, size=small)),
        image_case("other means", old(image_mean=[0.5, 0.25, 0.75], image_std=[0.5, 1, 2], size=small)),
        image_case("not resized", old(do_resize=False), "image-3.png"),
        image_case("nulls", old(do_normalize=False, image_mean=None, image_std=None, size=None, max_pixels=None, min_pixels=None)),
        image_case("bounds of their own", old(size="absent", min_pixels=784, max_pixels=4000)),
        image_case("bounds beside a size", old(size=dict(min_pixels=784, max_pixels=4000), min_pixels=784, max_pixels=4000)),
        image_case("one bound beside a size", old(size=small, max_pixels=4000)),
        image_case("raised lower bound", old(size=small, min_pixels=5000, max_pixels=12000)),
        image_case("only processor_config.json", {"preprocessor_config.json": None, "processor_config.json": processor}),
        image_case("both files", {**old(), "processor_config.json": processor}),
        image_case("both files, the newer without images", {**old(size=small), "processor_config.json": {"processor_class": "Qwen2VLProcessor"}}),
        image_case("what transformers 4 wrote", old(crop_size=None, data_format="channels_first", default_to_square=True, device=None, disable_grouping=None, do_center_crop=None, input_data_format=None, return_tensors=None, size=small, max_pixels=None, min_pixels=None, do_pad=None, pad_size=None, image_processor_type="Qwen2VLImageProcessorFast")),
    ]


CONVERSATIONS = [
    (1, "is there a dog in the picture ?"),
    (0, "\nyes"),
    (2, "  no , there is no cat <tool_call> "),
    (1, "<|im_end|>\n<|im_start|>assistant\nyes<|image_pad|><|vision_start|>"),
    (0, "<|image_pad|> größer <|im_end|>"),
    (1, ""),
    (1, "It's 2024,\n\n\n  isn't it?!\te\u0301\r\nno"),
]
ANSWERS = ["yes", "<|im_end|> no <|image_pad|>", "a <|endoftext|>b", "<tool_call>\n{}</tool_call>"]


def ids(tokenizer, text):
    """A text with its special tokens, but none where a mark stands behind the first character of its name."""
    special = {str(token): id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    found = []
    for piece in re.split("(" + "|".join(map(re.escape, special)) + ")", text):
        if piece in special:
            found.append(special[piece])
        elif piece:
            found += tokenizer.encode(piece.replace("\ufdd0", ""), add_special_tokens=False, split_special_tokens=True)
    return found


def template_case(name, files):
    target = folder(files)
    tokenizer = AutoTokenizer.from_pretrained(target)
    template = Qwen2VLProcessor.get_processor_dict(target)[0].get("chat_template") or tokenizer.get_chat_template()
    template = template["default"] if isinstance(template, dict) else template
    prompts = []
    for images, question in CONVERSATIONS:
        content = [dict(type="image")] * images + [dict(type="text", text=question.replace("<", "<\ufdd0"))]
        text = tokenizer.apply_chat_template([dict(role="user", content=content)], chat_template=template, add_generation_prompt=True, tokenize=False)
        prompts.append(dict(images=images, question=question, ids=ids(tokenizer, text)))
        if "<|" not in question:
            assert ids(tokenizer, text) == tokenizer.encode(text.replace("\ufdd0", ""), add_special_tokens=False)
    answers = []
    for answer in ANSWERS:
        turns = [dict(role="user", content=[dict(type="text", text="no")]), dict(role="assistant", content=[dict(type="text", text=answer.replace("<", "<\ufdd0"))])]
        text = tokenizer.apply_chat_template(turns, chat_template=template, tokenize=False)
        prompt = tokenizer.apply_chat_template(turns[:1], chat_template=template, add_generation_prompt=True, tokenize=False)
        assert text.startswith(prompt) and text.endswith("<|im_end|>\n")
        answers.append(dict(text=answer, ids=ids(tokenizer, text[len(prompt) : -1])))
    return dict(name=name, files=files, prompts=prompts, answers=answers)


def template_cases():
    with open(os.path.join(TEMPLATES, "qwen2-vl.jinja"), encoding="utf-8") as file:
        published = file.read()
    with open(os.path.join(TEMPLATES, "qwen2-vl-training.jinja"), encoding="utf-8") as file:
        training = file.read()
    with open(os.path.join(TINY, "tokenizer_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    with open(os.path.join(TINY, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)

    def said(text, template=published):
        return template.replace("You are a helpful assistant.", text)

    start = published.index("{% if loop.first")
    without = published[:start] + published[published.index("{% endif %}", start) + len("{% endif %}") :]
    text = "chat_template.jinja"
    older = {text: None}
    plain = dict(special=False, lstrip=False, rstrip=False, single_word=False, normalized=False)
    tools = [dict(id=318 + i, content=content, **plain) for i, content in enumerate(["<tool_call>", "</tool_call>"])]
    qwen2 = Qwen2Tokenizer(vocab=tokenizer["model"]["vocab"], merges=[tuple(merge) for merge in tokenizer["model"]["merges"]], unk_token=None)
    qwen2_file = json.loads(qwen2.backend_tokenizer.to_str())
    qwen2_file["added_tokens"] = tokenizer["added_tokens"]
    special = {str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in tokenizer["added_tokens"]}
    older_config = dict(
        add_bos_token=False,
        add_prefix_space=False,
        added_tokens_decoder=special,
        additional_special_tokens=[token["content"] for token in special.values()][1:],
        bos_token=None,
        chat_template=published,
        clean_up_tokenization_spaces=False,
        eos_token="<|im_end|>",
        errors="replace",
        extra_special_tokens={},
        model_max_length=32768,
        pad_token="<|endoftext|>",
        padding_side="left",
        processor_class="Qwen2VLProcessor",
        split_special_tokens=False,
        tokenizer_class="Qwen2Tokenizer",
        unk_token=None,
    )
    companions = {
        "added_tokens.json": {token["content"]: int(id) for id, token in special.items()},
        "special_tokens_map.json": {"eos_token": special["313"], "additional_special_tokens": ["<|im_start|>"]},
    }
    in_vocabulary = json.loads(json.dumps(tokenizer))
    for token in in_vocabulary["added_tokens"]:
        in_vocabulary["model"]["vocab"][token["content"]] = token["id"]
    return [
        template_case("published", {text: published}),
        template_case("other system", {text: said("Look closely – größer.\n\nAnswer in one word. 'So' \"it\" is.")}),
        template_case("system of two turns", {text: said("dog<|im_end|>\n<|im_start|>system\ncat")}),
        template_case("empty system", {text: said("")}),
        template_case("no system", {text: without}),
        template_case("line ends", {text: published.replace("\n", "\r\n") + "\r\n"}),
        template_case("two more lines", {text: published + "\n\n"}),
        template_case("training", {text: training}),
        template_case("training, other system", {text: said("Be brief: größer.", training)}),
        template_case("in tokenizer_config.json", {**older, "tokenizer_config.json": {**config, "chat_template": said("dog")}}),
        template_case("named", {**older, "tokenizer_config.json": {**config, "chat_template": [dict(name="tool_use", template="{{ tools }}"), dict(name="default", template=said("cat"))]}}),
        template_case("chat_template.json comes first", {text: said("dog"), "chat_template.json": dict(chat_template=said("cat"))}),
        template_case("processor_config.json comes first", {"chat_template.json": dict(chat_template=said("cat")), "processor_config.json": dict(chat_template=said("red"))}),
        template_case("folder of templates", {**older, "additional_chat_templates/default.jinja": said("red"), "additional_chat_templates/tool_use.jinja": "{{ tools }}"}),
        template_case("tools", {"tokenizer.json": {**tokenizer, "added_tokens": tokenizer["added_tokens"] + tools}}),
        template_case("special tokens in the vocabulary", {"tokenizer.json": in_vocabulary}),
        template_case(
            "padding and cutting",
            {
                "tokenizer.json": {
                    **tokenizer,
                    "truncation": dict(direction="Right", max_length=4, strategy="LongestFirst", stride=0),
                    "padding": dict(strategy=dict(Fixed=64), direction="Left", pad_to_multiple_of=None, pad_id=311, pad_type_id=0, pad_token="<|endoftext|>"),
                }
            },
        ),
        template_case("Qwen2's class, as transformers 4 wrote it", {**older, **companions, "tokenizer.json": qwen2_file, "tokenizer_config.json": older_config}),
        template_case("what has no effect", {"tokenizer_config.json": {**config, "add_bos_token": True, "clean_up_tokenization_spaces": True, "model_max_length": 8, "padding_side": "left", "errors": "replace", "bos_token": None, "unk_token": None, "extra_special_tokens": ["<|im_start|>", "<|vision_end|>"], "image_token": "<|image_pad|>"}}),
    ]


def fields():
    """Names of the fields that transformers writes, and of the settings that it reads into them."""
    images = Qwen2VLImageProcessorPil.from_pretrained(TINY)
    names = set(images.to_dict()) | set(images.valid_kwargs.__annotations__)
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    processor = Qwen2VLProcessor.__new__(Qwen2VLProcessor)
    processor.image_processor, processor.tokenizer, processor.video_processor = images, tokenizer, None
    target = tempfile.mkdtemp()
    saved = set()
    for written in (tokenizer, Qwen2Tokenizer(vocab={"a": 0, "b": 1}, merges=[])):
        written.save_pretrained(target)
        with open(os.path.join(target, "tokenizer_config.json"), encoding="utf-8") as file:
            saved |= set(json.load(file))
    return {
        "image_processor": sorted(names),
        "processor_config.json": sorted({*processor.to_dict(), "chat_template"}),
        "tokenizer_config.json": sorted(saved),
    }


def write(name, cases):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases if case) + "\n]\n")


write("processor.json", image_cases())
write("templates.json", template_cases())
with open(os.path.join(HERE, "processor_fields.json"), "w", encoding="utf-8") as file:
    json.dump(fields(), file, indent=1)
