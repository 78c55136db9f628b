#!/usr/bin/env python3
"""Write the gradients that PyTorch's autograd computes at every projection's output of the tiny decoder fixtures.

    pip install torch==2.15.0 transformers==5.24.0 safetensors
    python make_gradient_fixtures.py src/test/resources/fixtures/decoder

Needs the cases that make_decoder_fixtures.py wrote. For the first sequence of a case, the loss is the sum of the negative
log-likelihoods of tokens 1 .. n-1; gradients.safetensors beside its config.json holds, for each projection, the gradient at its
output (bias included), F32 (seq, d2), named as the projection. Computed in f64 with eager attention, rounded once.
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

CASES = ["llama", "llama-untied", "llama-biases", "llama3-rope", "qwen2", "qwen2-sliding", "qwen3", "mistral"]


def gradients(folder):
    ids = load_file(folder / "reference.safetensors")["input_ids"][0]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    outputs = {}

    def keep(name):
        def hook(module, inputs, output):
            output.retain_grad()
            outputs[name] = output
        return hook

    for name, module in model.named_modules():
        if name.endswith("_proj"):
            module.register_forward_hook(keep(name))
    logits = model(ids[None]).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").backward()
    return {name: output.grad[0].float().contiguous() for name, output in outputs.items()}


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    torch.set_num_threads(1)
    for case in CASES:
        folder = Path(sys.argv[1]) / case
        found = gradients(folder)
        save_file(found, folder / "gradients.safetensors",
                  metadata={"made_with": f"torch {torch.__version__.split('+')[0]}"})
        print(case, {name: f"{g.abs().max().item():.3g}" for name, g in list(found.items())[:3]})


if __name__ == "__main__":
    main()
