#!/usr/bin/env python3
"""Write tiny random checkpoints and the logits that Hugging Face transformers computes from them.

    pip install torch==2.15.0 transformers==5.23.0 safetensors numpy
    python make_decoder_fixtures.py src/test/resources/fixtures/decoder

Each case is a folder: config.json and weights as a user's checkpoint would hold them, and reference.safetensors with
`input_ids` (I64, batch x seq) and `logits` (F32, batch x seq x vocab). transformers reads the very files that are written
here, in f32 with eager attention, so the config layouts are part of what is tested. Weights are drawn with a deviation near
0.3, norms and biases are random too: with the usual 0.02 a wrong rotation or window would hide below any tolerance.

A case that names a feature is also computed without it, and the script stops if that does not change the logits clearly.
README.md beside the cases is written by this script: what each case is for, and how far logits move by rounding alone.
"""
import json
import shutil
import sys
import zlib
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "bos_token_id": 1,
         "eos_token_id": 2, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 4, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "vocab_size": 61,
         "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "bos_token_id": 1,
         "eos_token_id": 2, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "vocab_size": 64,
         "tie_word_embeddings": True, "rope_theta": 1000000.0, "torch_dtype": "float32"}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_act": "silu", "bos_token_id": 1,
         "eos_token_id": 2, "hidden_size": 24, "head_dim": 10, "intermediate_size": 36, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
         "vocab_size": 59, "attention_bias": False, "tie_word_embeddings": False, "use_sliding_window": False,
         "sliding_window": None, "max_window_layers": 2, "rope_theta": 1000000.0, "torch_dtype": "float32"}
MISTRAL = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_act": "silu", "bos_token_id": 1,
           "eos_token_id": 2, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
           "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "vocab_size": 63,
           "tie_word_embeddings": False, "rope_theta": 10000.0, "torch_dtype": "float32"}
OLD = {"rope_theta": 10000.0, "torch_dtype": "float32"}
NEW = {"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "dtype": "float32"}
# Head size 16 at this original length puts one rotary pair in each of the unscaled and blended bands, six in the scaled one.
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
          "rope_type": "llama3"}
LLAMA3_SHAPE = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256}

# name: (purpose, config, sequence length, changes that switch the named feature off)
CASES = {
    "llama": ("`rope_theta` and `torch_dtype`, tied head",
              {**LLAMA, **OLD, "tie_word_embeddings": True}, 12, {}),
    "llama-untied": ("`rope_parameters` and `dtype`, own head, grouped queries, theta 500000",
                     {**LLAMA, **NEW, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"},
                      "num_key_value_heads": 2}, 12, {"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}),
    "llama-biases": ("`attention_bias` and `mlp_bias`: a bias on all seven projections",
                     {**LLAMA, **OLD, "num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True}, 12, {}),
    "llama3-rope": ("`rope_scaling` of Llama 3 beside `rope_theta`, sequence beyond the original length",
                    {**LLAMA, **OLD, **LLAMA3_SHAPE, "rope_scaling": LLAMA3}, 40, {"rope_scaling": None}),
    "llama3-rope-parameters": ("the same scaling inside `rope_parameters`",
                               {**LLAMA, **NEW, **LLAMA3_SHAPE, "rope_parameters": {**LLAMA3, "rope_theta": 10000.0}}, 40,
                               {"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}),
    "qwen2": ("biases on q, k, v; `sliding_window` present but not in use",
              {**QWEN2, "use_sliding_window": False, "sliding_window": 4, "max_window_layers": 1}, 12, {}),
    "qwen2-sliding": ("`use_sliding_window`: layers from `max_window_layers` on slide, here 1 and 2",
                      {**QWEN2, "num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 4,
                       "max_window_layers": 1}, 12, {"use_sliding_window": False}),
    "qwen2-layer-types": ("explicit `layer_types`, only the first layer slides; they win over `max_window_layers`",
                          {**QWEN2, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 2,
                           "layer_types": ["sliding_attention", "full_attention"]}, 12,
                          {"layer_types": ["full_attention", "full_attention"]}),
    "qwen3": ("norms on q and k, `head_dim` 10 where hidden / heads is 6", QWEN3, 12, {}),
    "mistral": ("every layer slides, window 4", {**MISTRAL, "sliding_window": 4}, 12, {"sliding_window": None}),
    "mistral-full": ("`sliding_window` null, `head_dim` 12 where hidden / heads is 8",
                     {**MISTRAL, "sliding_window": None, "head_dim": 12}, 12, {}),
    "llama-bf16": ("weights in BF16", {**LLAMA, **OLD, "torch_dtype": "bfloat16"}, 12, {}),
    "llama-f16": ("weights in F16", {**LLAMA, **NEW, "dtype": "float16"}, 12, {}),
    "qwen3-sharded": ("two shards and model.safetensors.index.json, tied head",
                      {**QWEN3, "tie_word_embeddings": True}, 12, {}),
}


def random_weights(config, generator):
    """Tensors by checkpoint name, in the config's dtype."""
    def draw(name, shape):
        x = torch.randn(shape, generator=generator)
        if "norm" in name:
            return 1 + 0.3 * x
        if name.endswith("bias"):
            return 0.5 * x
        return x if "embed" in name else 0.3 * x

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shapes = {name: t.shape for name, t in model.state_dict().items()}
    if config.tie_word_embeddings:
        shapes.pop("lm_head.weight")
    return {name: draw(name, shapes[name]).to(config.dtype).contiguous() for name in sorted(shapes)}


def write_weights(folder, weights, shards):
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(weights)
    cut, weight_map = (len(names) + shards - 1) // shards, {}
    for i in range(shards):
        file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        part = names[i * cut:(i + 1) * cut]
        save_file({name: weights[name] for name in part}, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    index = {"metadata": {"total_size": sum(t.nbytes for t in weights.values())}, "weight_map": weight_map}
    write_json(folder / "model.safetensors.index.json", index)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


@torch.no_grad()
def logits_of(folder, ids, dtype=torch.float32, **changes):
    config = AutoConfig.from_pretrained(folder)
    if changes:
        raw = {**json.loads((folder / "config.json").read_text()), **changes}
        config = type(config).from_dict(raw)
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    if any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise SystemExit(f"{folder.name}: weights do not match the config: {info}")
    return model.eval()(ids).logits


def make_case(folder, purpose, raw, length, without):
    """Writes one case and returns its row of README.md."""
    folder.mkdir(parents=True)
    write_json(folder / "config.json", raw)
    generator = torch.Generator().manual_seed(zlib.crc32(folder.name.encode()))
    config = AutoConfig.from_pretrained(folder)
    write_weights(folder, random_weights(config, generator), 2 if folder.name.endswith("sharded") else 1)
    ids = torch.randint(config.vocab_size, (2, length), generator=generator)
    logits = logits_of(folder, ids)
    # One entry only: the safetensors writer orders several by chance, and the same run must give the same bytes.
    made_with = {"made_with": f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"}
    save_file({"input_ids": ids, "logits": logits.contiguous()}, folder / "reference.safetensors", metadata=made_with)

    rounding = (logits_of(folder, ids, torch.float64) - logits).abs().max().item()
    effect = "-"
    if without:
        difference = (logits_of(folder, ids, **without) - logits).abs()
        effect = f"{difference.max().item():.3g}"
        if difference.max() < 0.05 * logits.abs().max():
            raise SystemExit(f"{folder.name}: without {list(without)} logits move by {effect} only; the case proves nothing")
        if (window := raw.get("sliding_window")) is not None:
            covered, beyond = difference[:, :window].max().item(), difference[:, window].max().item()
            if covered > 1e-4 or beyond < 1e-2:
                raise SystemExit(f"{folder.name}: window {window} should first act on position {window}; logits move by "
                                 f"{covered:.2g} before it and by {beyond:.2g} there")
    return (f"| {folder.name} | {purpose} | {ids.shape[0]} x {ids.shape[1]} | {logits.std().item():.3g}, "
            f"{logits.abs().max().item():.3g} | {rounding:.1e} | {effect} |")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    root = Path(sys.argv[1])
    torch.set_num_threads(1)
    rows = []
    for name, case in CASES.items():
        shutil.rmtree(root / name, ignore_errors=True)
        rows.append(make_case(root / name, *case))
        print(rows[-1])
    head = (f"Written by src/test/python/make_decoder_fixtures.py with torch {torch.__version__.split('+')[0]} and "
            f"transformers {transformers.__version__}; random weights, no licence needed.\n\n"
            "Rounding is the largest difference between the stored logits and the same model with its matrix products in "
            "f64 (norms and rotations stay in f32 there). Effect is the largest difference to the same weights without the "
            "feature that the case is named for.\n\n"
            "| case | holds | batch x seq | logits: deviation, largest | rounding | effect |\n|---|---|---|---|---|---|\n")
    (root / "README.md").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    print(sum(f.stat().st_size for f in root.rglob("*") if f.is_file()), "bytes")


if __name__ == "__main__":
    main()
