#!/usr/bin/env python3
"""Word perplexity of a text as one document, as lm-evaluation-harness computes it, for the Java engine to be held against.

    pip install torch==2.15.0 transformers==5.23.0
    python word_perplexity_reference.py MODEL_DIR TEXT OUT.json --max-length N

It made fixtures/demo/word.json from the demo model and its heldout.txt with --max-length 192.

The windows are those of lm_eval.utils: get_rolling_token_windows with context_len 1, each through make_disjoint_window, then
scored as HFLM._loglikelihood_tokens does: input (context + continuation)[-(max_length + 1):][:-1], the last positions count.
Words are len(re.split(r"\\s+", text)). Special tokens: the tokenizer's own; if its BOS already leads the ids, it is not doubled.
"""
import argparse
import json
import math
import re
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer


def rolling_token_windows(tokens, prefix, max_length):
    first = min(max_length, len(tokens))
    yield [prefix] + tokens[:first - 1], tokens[:first]
    predicted = first
    while predicted < len(tokens):
        count = min(len(tokens) - predicted, max_length)
        end = predicted + count
        yield tokens[end - max_length - 1:end - 1], tokens[end - count:end]
        predicted += count


def disjoint(context, continuation):
    return context[:len(context) - (len(continuation) - 1)], continuation


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--max-length", type=int, required=True)
    args = parser.parse_args()

    text = args.text.read_bytes().decode("utf-8")
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    prefix = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = tokenizer(text, verbose=False).input_ids
    if ids[:1] == [prefix]:
        ids = ids[1:]
    total, windows, scored = 0.0, 0, 0
    for pair in rolling_token_windows(ids, prefix, args.max_length):
        context, continuation = disjoint(*pair)
        whole = (context + continuation)[-(args.max_length + 1):][:-1]
        logits = model(torch.tensor([whole])).logits[0, -len(continuation):].double()
        picked = torch.log_softmax(logits, -1).gather(1, torch.tensor(continuation)[:, None])
        total += picked.sum().item()
        windows += 1
        scored += len(continuation)
    words = len(re.split(r"\s+", text))
    args.out.write_text(json.dumps({
        "text": args.text.name,
        "made_with": f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, f32",
        "prefix": prefix, "max_length": args.max_length, "windows": windows, "tokens": scored, "words": words,
        "log_likelihood": total, "word_perplexity": math.exp(-total / words)}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
