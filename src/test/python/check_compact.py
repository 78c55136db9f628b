#!/usr/bin/env python3
"""Read a compact folder by its specification alone, with NumPy, and compute with it in transformers.

    pip install torch==2.15.0 transformers==5.23.0 safetensors numpy
    python src/test/python/check_compact.py COMPACT [TEXT [WINDOW]]

Shares no code with the engine: the mask and the 14-bit values are unpacked as CompactFormat's and CodePacking's javadoc say,
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
assert block["format_version"] in (1, 2)
assert all(name.startswith("Cospadi") for name in config["architectures"])

tensors = {}
for path in sorted(folder.glob("*.safetensors")):
    with safe_open(path, "pt") as file:  # torch views need every tensor aligned to its element
        for name in file.keys():
            tensors[name] = file.get_tensor(name)


def values_of(stored, s):
    """f32 (d2, s): 14-bit patterns from a little-endian bit stream, lowest bit first, or bf16."""
    if stored.dtype == torch.bfloat16:
        return stored.float().numpy()
    bits = np.unpackbits(stored.numpy(), axis=1, bitorder="little")
    assert not bits[:, 14 * s:].any(), "padding bits set"
    pattern = bits[:, :14 * s].reshape(-1, s, 14).astype(np.uint32) @ (1 << np.arange(14, dtype=np.uint32))
    return (pattern.astype(np.uint32) << 18).view(np.float32)


for name, module in block["modules"].items():
    if "r" in module:
        shared = f"cospadi_shared.{module.get('group')}.down.weight"
        down = (tensors[shared] if module.get("group") else tensors.pop(name + ".down.weight")).float()
        up = tensors.pop(name + ".up.weight").float()
        assert down.shape == (module["r"], module["in"]) and up.shape == (module["out"], module["r"])
        tensors[name + ".weight"] = up @ down
        continue
    k, s, group = module["k"], module["s"], module["group"]
    shared = f"cospadi_shared.{group}.dictionary.weight"
    dictionary = tensors[shared] if group else tensors.pop(name + ".dictionary.weight")
    assert dictionary.shape == (k, module["in"]) and dictionary.dtype == torch.bfloat16
    mask = np.unpackbits(tensors.pop(name + ".coef.mask").numpy(), axis=1, bitorder="little").astype(bool)
    assert not mask[:, k:].any() and (mask.sum(1) == s).all(), f"{name}: not {s} bits in each row"
    codes = np.zeros((module["out"], k), np.float32)
    codes[mask[:, :k]] = values_of(tensors.pop(name + ".coef.values"), s).ravel()
    tensors[name + ".weight"] = torch.from_numpy(codes) @ dictionary.float()

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
