#!/usr/bin/env python3
"""Read a compact folder by its specification alone, with NumPy, and compute with it in transformers.

    pip install torch==2.15.0 transformers==5.23.0 safetensors numpy
    python src/test/python/check_compact.py COMPACT [TEXT [WINDOW]]

Shares no code with the engine: the mask, the 14-bit values and the levels with their scales are unpacked as the javadoc of
CompactFormat, CodePacking, LevelPacking and LevelGrid say,
W' = codes x dictionary is made dense in f32, put into the plain architecture, and the token perplexity of TEXT is printed
(disjoint windows, a partial last one dropped) to be compared with `cospadi eval`.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

folder = pathlib.Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
block = config.pop("cospadi")
assert block["format_version"] in (1, 2, 3)
dictionary_bits, group_size = block.get("dictionary_bits", 16), block.get("group_size", 0)
assert all(name.startswith("Cospadi") for name in config["architectures"])

tensors = {}
for path in sorted(folder.glob("*.safetensors")):
    with safe_open(path, "pt") as file:  # torch views need every tensor aligned to its element
        for name in file.keys():
            tensors[name] = file.get_tensor(name)


def patterns_of(stored, count, bits):
    """uint32 (rows, count): patterns from a little-endian bit stream a row, lowest bit first."""
    stream = np.unpackbits(stored.numpy(), axis=1, bitorder="little")
    assert not stream[:, bits * count:].any(), "padding bits set"
    places = stream[:, :bits * count].reshape(-1, count, bits).astype(np.uint32)
    return (places << np.arange(bits, dtype=np.uint32)).sum(2, dtype=np.uint32)


def bf16(values):
    """f32 rounded to bf16, to nearest, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def levels_of(stored, scales, count, bits):
    """f32 (rows, count): (pattern + 1/2 - 2^(bits-1)) x scale, rounded to bf16."""
    size = group_size or count
    assert scales.dtype == torch.bfloat16 and scales.shape[1] == -(-count // size)
    scales = scales.float().numpy()
    assert np.isfinite(scales).all() and (scales >= 0).all()
    patterns = patterns_of(stored, count, bits)
    each = np.repeat(scales, size, axis=1)[:, :count]
    assert not patterns[each == 0].any()
    return bf16((patterns.astype(np.float32) + np.float32(0.5 - 2 ** (bits - 1))) * each)


def values_of(name, s):
    """f32 (d2, s): levels, 14-bit patterns, or bf16."""
    stored, bits = tensors.pop(name + ".coef.values"), block["value_bits"]
    if bits == 16:
        return stored.float().numpy()
    if bits == 14:
        return (patterns_of(stored, s, 14) << 18).view(np.float32)
    return levels_of(stored, tensors.pop(name + ".coef.scales"), s, bits)


shared_dictionaries = {}


def dictionary_of(name, module):
    """f32 (k, d1); a shared one is read once."""
    group, k, d1 = module["group"], module["k"], module["in"]
    if group in shared_dictionaries:
        return shared_dictionaries[group]
    stem = f"cospadi_shared.{group}.dictionary" if group else name + ".dictionary"
    if dictionary_bits == 16:
        stored = tensors.pop(stem + ".weight")
        assert stored.dtype == torch.bfloat16
        dictionary = stored.float()
    else:
        levels = tensors.pop(stem + ".levels")
        dictionary = torch.from_numpy(levels_of(levels, tensors.pop(stem + ".scales"), d1, dictionary_bits))
    assert dictionary.shape == (k, d1)
    if group:
        shared_dictionaries[group] = dictionary
    return dictionary


for name, module in block["modules"].items():
    if "bits" in module:
        levels = tensors.pop(name + ".weight.levels")
        weight = levels_of(levels, tensors.pop(name + ".weight.scales"), module["in"], module["bits"])
        assert weight.shape == (module["out"], module["in"])
        tensors[name + ".weight"] = torch.from_numpy(weight)
        continue
    if "r" in module:
        shared = f"cospadi_shared.{module.get('group')}.down.weight"
        down = (tensors[shared] if module.get("group") else tensors.pop(name + ".down.weight")).float()
        up = tensors.pop(name + ".up.weight").float()
        assert down.shape == (module["r"], module["in"]) and up.shape == (module["out"], module["r"])
        tensors[name + ".weight"] = up @ down
        continue
    k, s = module["k"], module["s"]
    dictionary = dictionary_of(name, module)
    mask = np.unpackbits(tensors.pop(name + ".coef.mask").numpy(), axis=1, bitorder="little").astype(bool)
    assert not mask[:, k:].any() and (mask.sum(1) == s).all(), f"{name}: not {s} bits in each row"
    codes = np.zeros((module["out"], k), np.float32)
    codes[mask[:, :k]] = values_of(name, s).ravel()
    tensors[name + ".weight"] = torch.from_numpy(codes) @ dictionary

tensors = {name: t.float() for name, t in tensors.items() if not name.startswith("cospadi_shared.")}
config["architectures"] = [name.removeprefix("Cospadi") for name in config["architectures"]]
plain = AutoConfig.for_model(**config)
with torch.no_grad():
    model = AutoModelForCausalLM.from_config(plain, dtype=torch.float32).eval()
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
print(f"{len(block['modules'])} projections read, true ratio claimed {block['cr_true_projections']:.6f}")

if len(sys.argv) > 2:
    window = int(sys.argv[3]) if len(sys.argv) > 3 else 1024
    text = open(sys.argv[2], newline="").read()
    ids = torch.tensor(AutoTokenizer.from_pretrained(folder)(text)["input_ids"])
    losses, count = 0.0, 0
    with torch.no_grad():
        for begin in range(0, len(ids) - window + 1, window):
            piece = ids[begin:begin + window]
            logits = model(piece[None]).logits[0, :-1].double()
            losses += torch.nn.functional.cross_entropy(logits, piece[1:], reduction="sum").item()
            count += window - 1
    print(f"token perplexity {np.exp(losses / count):.6f} over {count} targets, window {window}")
