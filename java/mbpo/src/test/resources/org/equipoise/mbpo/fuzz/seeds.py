"""Writes the inputs that fuzzing starts from, small files as other programs write them.

The checkpoint and adapters were written by transformers and PEFT (../checkpoint/*_golden.py);
rows have the layouts that LLaVA, LLaMA-Factory, TRL, ms-swift, RLAIF-V and POPE publish. Names that
begin with "found" are inputs that were once read wrongly; they are not made here.

    python seeds.py
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
INPUTS = HERE / "ParserFuzzTestInputs"
CHECKPOINT = HERE.parent / "checkpoint" / "tiny-qwen2-vl"
ADAPTERS = HERE.parent / "checkpoint" / "adapters"
IMAGES = HERE.parent / "image"


def seed(test, name, content):
    folder = INPUTS / test
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    (folder / name).write_bytes(content)


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def compact(file):
    return json.dumps(json.loads(file.read_text()), separators=(",", ":"))


def header_and_data(file):
    """A safetensors file as its header, a line feed and its tensors."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return content[8 : 8 + length].rstrip() + b"\n" + content[8 + length :]


def safetensors():
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]},
        "c": {"dtype": "I64", "shape": [], "data_offsets": [22, 30]},
        "d": {"dtype": "F16", "shape": [0, 7], "data_offsets": [30, 30]},
    }
    text = json.dumps(header, separators=(",", ":"))
    seed("safetensorsHeader", "four", text + "\n" + "\0" * 30)
    seed("safetensors", "four", struct.pack("<Q", len(text)) + text.encode() + b"\0" * 30)
    seed("safetensors", "empty", struct.pack("<Q", 2) + b"{}")
    header["__metadata__"] = {"equipoise.crc32c": "00000000"}
    seed("safetensorsHeader", "checksum", json.dumps(header) + "\n" + "\0" * 30)


def checkpoint():
    names = json.loads(header_and_data(CHECKPOINT / "model.safetensors").split(b"\n")[0])
    del names["__metadata__"]
    index = {
        "metadata": {"total_parameters": 56304, "total_size": 112544},
        "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors"),
    }
    seed("index", "one-shard", json.dumps(index))
    for name, test in (
        ("config", "config"),
        ("generation_config", "generationConfig"),
        ("preprocessor_config", "preprocessorConfig"),
        ("tokenizer_config", "tokenizerConfig"),
        ("tokenizer", "tokenizer"),
    ):
        seed(test, "tiny", compact(CHECKPOINT / f"{name}.json"))
    config = json.loads((CHECKPOINT / "config.json").read_text())
    flat = {**config["text_config"], **config, "model_type": "qwen2_vl"}
    del flat["text_config"], flat["layer_types"]
    rope = flat.pop("rope_parameters")
    flat["rope_theta"] = rope["rope_theta"]
    flat["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    flat["torch_dtype"] = "bfloat16"
    seed("config", "version-4", json.dumps(flat))
    seed(
        "generationConfig",
        "rules",
        json.dumps(
            {
                "bad_words_ids": [[5], [6, 7]],
                "begin_suppress_tokens": [8],
                "do_sample": True,
                "eos_token_id": 313,
                "forced_eos_token_id": [313],
                "min_length": 2,
                "min_new_tokens": 1,
                "no_repeat_ngram_size": 3,
                "repetition_penalty": 1.05,
                "suppress_tokens": [9, 10],
                "temperature": 1e-06,
                "top_k": 1,
                "top_p": 0.001,
            }
        ),
    )
    seed(
        "preprocessorConfig",
        "pixels",
        json.dumps(
            {
                "do_resize": True,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "max_pixels": 12845056,
                "min_pixels": 3136,
                "merge_size": 2,
                "patch_size": 14,
                "temporal_patch_size": 2,
                "image_processor_type": "Qwen2VLImageProcessor",
                "processor_class": "Qwen2VLProcessor",
            }
        ),
    )
    template = (CHECKPOINT / "chat_template.jinja").read_text()
    seed("chatTemplate", "published", template)
    seed(
        "tokenizerConfig",
        "version-4",
        json.dumps(
            {
                "add_prefix_space": False,
                "added_tokens_decoder": {
                    "311": {
                        "content": "<|endoftext|>",
                        "lstrip": False,
                        "normalized": False,
                        "rstrip": False,
                        "single_word": False,
                        "special": True,
                    }
                },
                "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
                "bos_token": None,
                "chat_template": template,
                "clean_up_tokenization_spaces": False,
                "eos_token": {"content": "<|im_end|>", "__type": "AddedToken"},
                "errors": "replace",
                "model_max_length": 32768,
                "pad_token": "<|endoftext|>",
                "split_special_tokens": False,
                "tokenizer_class": "PreTrainedTokenizerFast",
                "unk_token": None,
            }
        ),
    )


def adapters():
    for name in ("plain", "patterns", "expression", "tokens"):
        seed("adapterConfig", name, compact(ADAPTERS / name / "adapter_config.json"))
        weights = ADAPTERS / name / "adapter_model.safetensors"
        if weights.stat().st_size < 5000:
            seed("adapterWeights", name, header_and_data(weights))


def rows():
    parts = [{"type": "image"}, {"type": "text", "text": "what is it ?"}]
    turn = [{"from": "human", "value": "<image>\nis it a dog ?"}, {"from": "gpt", "value": "no"}]
    said = [{"role": "user", "content": parts}, {"role": "assistant", "content": "a cat"}]
    seed(
        "samples",
        "own",
        lines(
            {"id": "q1", "image": "1.jpg", "question": "a dog ?", "answer": "yes", "twin": "q2"},
            {"id": 2, "images": ["a.png", "b.png"], "question": "<image> or <image> ?",
             "answer": "B", "options": {"A": "cat", "B": "dog"}, "objects": ["cat"]},
        ),
    )
    seed("samples", "llava", json.dumps([{"id": "7", "image": "a.jpg", "conversations": turn}]))
    seed(
        "samples",
        "trl",
        lines(
            {"images": ["a.png"], "messages": said},
            {"images": ["a.png"], "prompt": said[:1], "completion": said[1:]},
        ),
    )
    seed(
        "samples",
        "others",
        lines(
            {"instruction": "<image>Describe it.", "input": "Briefly.", "output": "a cat",
             "images": ["a.png"], "history": [["q", "a"]], "system": "Be short."},
            {"query": "q2", "response": "a2", "history": [["q1", "a1"]]},
            {"image": {"bytes": None, "path": "a.png"}, "question": "q", "answer": "a"},
        ),
    )
    answers = {"chosen": said[1:], "rejected": [{"role": "assistant", "content": "a dog"}]}
    seed("pairs", "trl", lines({"images": ["a.png"], "prompt": said[:1], **answers}))
    seed(
        "pairs",
        "own",
        lines(
            {"id": "q1", "images": ["images/1.png"], "images_perturbed": ["images-perturbed/1.png"],
             "prompt": parts and said[:1], **answers, "kind": "open", "twin": None,
             "source": "adversarial", "information_gain": 1.5,
             "scores": {"log_prob_clean": -1.5, "log_prob_perturbed": -9.0, "clean_answer": "a cat",
                        "blind_answer": "a dog", "equals_blind_answer": True},
             "perturbation": {"epsilon": 8, "steps": 10}}
        ),
    )
    seed(
        "pairs",
        "others",
        lines(
            {"image": "a.jpg", "question": "q", "chosen": "a", "rejected": "b"},
            {"conversations": turn[:1], "chosen": turn[1], "rejected": turn[1] | {"value": "yes"},
             "images": ["a.jpg"]},
            {"messages": said, "rejected_response": "a dog", "images": ["a.jpg"]},
        ),
    )
    seed("answers", "own", lines({"id": "q1", "answer": "a"}, {"question_id": 2, "text": "b"}))
    seed(
        "pope",
        "published",
        lines({"question_id": 1, "image": "COCO_1.jpg", "text": "a snowboard ?", "label": "yes"}),
    )
    seed(
        "pope",
        "hugging-face",
        json.dumps([{"id": "0", "question_id": "1", "question": "q", "answer": "no",
                     "image_source": "COCO_1", "image": None, "category": "popular"}]),
    )
    seed(
        "dropped",
        "own",
        lines({"id": "q", "kind": "open", "reason": "WEAK", "delta": -0.5, "answer": "a"}),
    )


def runs():
    seed(
        "miningLog",
        "one-batch",
        lines(
            {"fingerprint": "weights"},
            {"unitsDone": 2, "preferenceBytes": 0, "droppedBytes": 0, "lines": "e3b0c44298fc1c14",
             "images": "e3b0c44298fc1c14"},
        ),
    )
    seed(
        "miningReport",
        "own",
        json.dumps({"source": "adversarial", "samples": 4, "usable": 2, "droppedByReason": {},
                    "usableByKind": {"open": 2}, "priorShare": "NaN",
                    "priorShareByKind": {"open": 0.5}, "meanDelta": -3.5}),
    )
    seed("gains", "own", json.dumps({"gains": [0.5, 1.25, "NaN"]}))
    seed(
        "journal",
        "own",
        lines(
            {"stage": "train", "fingerprint": "0123"},
            {"stage": "train", "fingerprint": "0123", "seconds": 12.5},
        ),
    )
    seed(
        "stageMarker",
        "own",
        json.dumps({"format": 2, "fingerprint": "0123", "settings": {"seed": "0"},
                    "inputs": {"mine": "4567"}, "finished": True,
                    "files": {"adapter/adapter_config.json": {"bytes": 2, "sha256": "ab"}}}),
    )
    seed(
        "digests",
        "own",
        lines({"file": "/data/a.png", "bytes": 5, "modified": "2026-01-01T00:00:00Z",
               "changed": "2026-01-01T00:00:00Z", "key": "(dev=1,inode=2)", "sha256": "ab"}),
    )
    header = {
        "__metadata__": {
            "format": "equipoise-training-1", "fingerprint": "run", "steps_done": "2",
            "total_steps": "4", "metrics": '["loss"]', "alarms": "[]",
            "equipoise.crc32c": "00000000",
        },
    }
    at = 0
    for name in ("weight.w", "moment1.w", "moment2.w"):
        header[name] = {"dtype": "F32", "shape": [2, 2], "data_offsets": [at, at + 16]}
        at += 16
    header["history"] = {"dtype": "F64", "shape": [2, 1], "data_offsets": [at, at + 16]}
    text = json.dumps(header, separators=(",", ":"))
    seed("trainingCheckpoint", "two-steps", text + "\n" + "\0" * (at + 16))
    header = {
        "__metadata__": {"fingerprint": "run", "equipoise.crc32c": "00000000"},
        "log_probs": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},
    }
    seed("referenceLogProbs", "no-pairs", json.dumps(header, separators=(",", ":")) + "\n")


def settings():
    seed(
        "settings",
        "usual",
        "seed: 1\nmodel:\n  folder: /models/qwen\n  type: FLOAT32\ndata:\n  samples: a.jsonl\n"
        "mine: {steps: 5, source: GAUSSIAN}\ntrain:\n  method: DPO\n  lora:\n    rank: 8\n"
        "evaluate:\n  generation: &g\n    maxTokens: 16\ngenerate: *g\n",
    )
    for name, text in (
        ("number", "train.lora.rank=8"),
        ("list", "train.lora.targets=[q_proj, v_proj]"),
        ("text", "data.samples=a #2.jsonl"),
        ("flag", "data.skipBad=true"),
        ("choice", "train.method=SFT"),
    ):
        seed("setting", name, text)


def others():
    columns = ("table,note,reference,subject,method,kind,metric,label,meaning,better,decimals,"
               "headline,value,low,high,difference,differenceLow,differenceHigh\n")
    seed(
        "resultCsv",
        "own",
        columns
        + 'POPE,"a note",base,,base,start,f1,F1,"harmonic mean",HIGHER,1,true,80.5,79.0,82.0,,,\n'
        + "POPE,a note,base,,mbpo,trained,f1,F1,mean,HIGHER,1,true,85.5,84.0,87.0,5.0,3.5,6.5\n",
    )
    for name in ("rgb.png", "grey-alpha.png", "sample.webp", "alpha.webp", "lossless.webp",
                 "sample.gif", "rgb.tif", "sizes/baseline.jpg", "sizes/progressive.jpg",
                 "sizes/turned.jpg", "sizes/extended.webp", "sample.bmp"):
        seed("image", name.split("/")[-1], (IMAGES / name).read_bytes())
    seed("image", "web-page", "<!DOCTYPE html><html></html>")
    seed("text", "utf-8", "\ufeffgrößer \U0001f600\nline 2\n")
    seed("text", "latin-1", "größer\n".encode("latin-1"))
    seed("text", "utf-16", "text\n".encode("utf-16"))


for make in (safetensors, checkpoint, adapters, rows, runs, settings, others):
    make()
