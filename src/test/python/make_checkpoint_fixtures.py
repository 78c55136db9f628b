"""Writes src/test/resources/fixtures/checkpoint: what Hugging Face's own libraries say about small files and configurations.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers safetensors
    python src/test/python/make_checkpoint_fixtures.py

The versions used are in fixtures.json.
"""
import json
import pathlib

import safetensors
import safetensors.torch
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parents[1] / "resources" / "fixtures" / "checkpoint"
OUT.mkdir(parents=True, exist_ok=True)


def stored_tensors():
    """A file by safetensors itself, with the values it should be read as."""
    torch.manual_seed(0)
    values = torch.randn(3, 5)
    tensors = {
        "f64": values.double(),
        "f32": values,
        "f16": values.half(),
        "bf16": values.bfloat16(),
        "i64": torch.arange(6).reshape(2, 3),
        "u8": torch.arange(7, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "empty": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5),
        "extremes": torch.tensor([65504.0, -65504.0, 6e-8, 6.1e-5, 0.0, -0.0]).half(),
    }
    safetensors.torch.save_file(tensors, OUT / "all_types.safetensors", metadata={"format": "pt", "näme": "wert"})
    floats = {name: t.float().flatten().tolist() for name, t in tensors.items() if t.is_floating_point()}
    return {"shapes": {n: list(t.shape) for n, t in tensors.items()}, "floats": floats}


ROPE3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
BASE = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 512,
}
CONFIGS = {
    "llama, all defaults": {"model_type": "llama"},
    "llama, no key-value heads": {"model_type": "llama", "num_key_value_heads": None},
    "llama, old rope keys": {
        "model_type": "llama", "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", **ROPE3},
        "torch_dtype": "bfloat16", "tie_word_embeddings": True,
    },
    "llama, new rope keys": {
        "model_type": "llama", "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, **ROPE3}, "dtype": "float16",
    },
    "llama, linear": {"model_type": "llama", "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama, null scaling": {"model_type": "llama", "rope_scaling": None, "rope_theta": 1234.5},
    "llama, own head dimension": {"model_type": "llama", "head_dim": 24},
    "qwen2, window off": {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 128, "max_window_layers": 2},
    "qwen2, window on": {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 128, "max_window_layers": 2},
    "qwen2, layer types": {
        "model_type": "qwen2", "use_sliding_window": True, "sliding_window": 96,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    },
    "qwen3, defaults": {"model_type": "qwen3"},
    "qwen3, window on": {"model_type": "qwen3", "head_dim": 16, "use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1},
    "mistral, absent window": {"model_type": "mistral"},
    "mistral, no window": {"model_type": "mistral", "sliding_window": None, "rope_theta": 1000000.0},
    "mistral, window": {"model_type": "mistral", "sliding_window": 77},
    "eos list": {"model_type": "llama", "eos_token_id": [3, 5], "bos_token_id": 1},
}


def resolved_config(raw):
    """What transformers makes of a config.json; windows as its attention masks and layers use them."""
    path = OUT / "tmp_config"
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(raw))
    config = transformers.AutoConfig.from_pretrained(path)
    (path / "config.json").unlink()
    path.rmdir()
    window = getattr(config, "sliding_window", None)
    if raw["model_type"] == "llama":
        windows = [None] * config.num_hidden_layers
    elif raw["model_type"] == "mistral":
        windows = [window] * config.num_hidden_layers
    else:
        windows = [window if t == "sliding_attention" else None for t in config.layer_types]
    kind = config.rope_parameters["rope_type"]
    if kind == "default":
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        theta = config.rope_parameters["rope_theta"]
        frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).double() / head_dim)
    else:
        frequencies, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    return {
        "head_dim": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        "key_value_heads": config.num_key_value_heads,
        "windows": windows,
        "tied": config.tie_word_embeddings,
        "rms_eps": config.rms_norm_eps,
        "frequencies": [float(f) for f in frequencies],
        "bos": config.bos_token_id,
        "eos": config.eos_token_id,
    }


TEXTS = [
    "", " ", "hello world", "  two  spaces\n\nand lines\t", "naïve façade, Größe", "日本語と中文", "emoji 😀👩‍👩‍👧 and flags 🇩🇪",
    "<s>special</s> inside", "a" * 300, "\u0000nul and \u2028 line separator", "mixed 123,456.78 numbers!?",
]


def tiny_tokenizer():
    """A byte-level BPE like Llama 3's, that adds <s> itself and asks for truncation and padding, which must be ignored."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    corpus = ["hello world, the quick brown fox jumps over the lazy dog", "naïve façade Größe", "日本語 中文", "numbers 123 456"] * 20
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    plain = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16, pad_id=1, pad_token="</s>")
    tokenizer.save(str(OUT / "tokenizer.json"))
    return {
        "vocab_size": plain.get_vocab_size(),
        "texts": [
            {"text": t, "ids": plain.encode(t).ids, "without_special": plain.encode(t, add_special_tokens=False).ids,
             "decoded": plain.decode(plain.encode(t).ids)}
            for t in TEXTS
        ],
        "long": {"repeat": TEXTS[5] + TEXTS[3] + TEXTS[6] + "hello world ", "times": 20000,
                 "tokens": len(plain.encode((TEXTS[5] + TEXTS[3] + TEXTS[6] + "hello world ") * 20000).ids)},
    }


fixtures = {
    "versions": {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, safetensors)},
    "tensors": stored_tensors(),
    "configs": [
        {"name": name, "config": BASE | raw, "expected": resolved_config(BASE | raw)} for name, raw in CONFIGS.items()
    ],
    "tokenizer": tiny_tokenizer(),
}
(OUT / "fixtures.json").write_text(json.dumps(fixtures, indent=1, ensure_ascii=True) + "\n")
print(fixtures["versions"])
