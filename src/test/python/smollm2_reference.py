#!/usr/bin/env python3
"""Token perplexity as transformers computes it in f32, for the Java engine to be held against.

    pip install torch==2.15.0 transformers==5.24.0
    python smollm2_reference.py MODEL_DIR TEXT OUT.json [--window 1024] [--windows N]

It made fixtures/smollm2/reference.json from SmolLM2-135M-Instruct and WikiText-2's test.txt, and fixtures/demo/reference.json
from the demo model and its heldout.txt with --window 256. OUT is rewritten after each window, so a run that is cut short
leaves the figures of the windows it finished.

The text is read raw and tokenised once with the tokenizer's own special tokens. Windows are disjoint, a partial last one is
dropped, the targets are tokens 1 .. window-1 of each, and the perplexity is exp of the mean. `ids_sha256` hashes the whole
id stream as little-endian 32-bit integers, so that a tokenizer can be checked apart from the model.
"""
import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@torch.no_grad()
def window_loss(model, window):
    """Mean negative log-likelihood of tokens 1 .. n-1; logits in f32, their logarithms and the sum in f64."""
    logits = model(window[None]).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits.double(), window[1:]).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--window", type=int, default=1024)
    parser.add_argument("--windows", type=int, help="use the first N only")
    args = parser.parse_args()

    raw = args.text.read_bytes()
    ids = AutoTokenizer.from_pretrained(args.model)(raw.decode("utf-8"), verbose=False).input_ids
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    stream = torch.tensor(ids)
    count = len(ids) // args.window
    if args.windows is not None:
        count = min(count, args.windows)

    head = {
        "text": args.text.name, "text_sha256": sha256(raw),
        "model_sha256": sha256((args.model / "model.safetensors").read_bytes()),
        "made_with": f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, f32, "
                     f"{model.config._attn_implementation} attention",
        "ids": len(ids), "ids_sha256": sha256(np.asarray(ids, dtype="<i4").tobytes()),
        "first_ids": ids[:32], "last_ids": ids[-32:], "window": args.window}
    losses, began = [], time.time()
    for i in range(count):
        losses.append(window_loss(model, stream[i * args.window:(i + 1) * args.window]))
        mean = sum(losses) / len(losses)
        figures = {"windows": len(losses), "targets": len(losses) * (args.window - 1), "mean_nll": mean,
                   "perplexity": math.exp(mean), "window_nll": losses}
        args.out.write_text(json.dumps({**head, **figures}, indent=1) + "\n", encoding="utf-8")
        print(f"{i + 1} of {count}, {time.time() - began:.0f} s, perplexity {math.exp(mean):.4f}", flush=True)


if __name__ == "__main__":
    main()
