#!/usr/bin/env python3
"""Train the small Llama that ships inside the jar for `cospadi demo`, or with `--family qwen3` a Qwen3 of its size.

The text is the King James Bible (public domain). On Debian or Ubuntu:

    apt-get install bible-kjv bible-kjv-text
    bible -f gen1:1-rev22:21 < /dev/null > bible.txt
    pip install torch transformers tokenizers safetensors
    python train_demo_model.py bible.txt OUT_DIR --steps N

Each input line is `Book<chapter>:<verse> text`; the references are stripped and every chapter becomes one line of prose.
OUT_DIR receives a Hugging Face folder (bf16 weights) with calibration.txt and heldout.txt beside it.

The learning rate warms up, stays level, and falls along a cosine to zero over the last 30 % of the steps. With `--minutes`
the level part ends when 70 % of the time is gone, and the number of steps it led to is printed: `--steps` with that number
repeats the run, up to the rounding of sums that the number of threads decides.
"""
import argparse
import json
import math
import re
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

SEED = 42
# Whole books, so that no held-out chapter has a neighbour in training; none of them retells a book that is trained on, as
# the gospels, Kings and Chronicles, or Ezra and Nehemiah do.
HELD_OUT = ("Ruth", "Est", "Jonah", "Phi", "Jas", "1Jn")
CALIBRATION_EVERY = 15
VOCABULARY = 2048
BOS, EOS = "<s>", "</s>"
WINDOW, LONG_WINDOW = 256, 512
TOKENS_A_STEP = 2048
PEAK_RATE, WARM_UP, DECAY_SHARE = 2e-3, 100, 0.3


def read_books(path):
    """Returns {book: [chapter text]} in the order of the file."""
    books, last = {}, None
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        match = re.fullmatch(r"(\d?[A-Za-z]+)(\d+):(\d+) (.+)", line.strip())
        if not match:
            raise SystemExit(f"{path}:{number}: expected 'Book1:1 text', found {line[:60]!r}; print the text with `bible -f`")
        book, chapter, _, verse = match.groups()
        chapters = books.setdefault(book, [])
        if (book, chapter) != last:
            chapters.append([])
            last = (book, chapter)
        chapters[-1].append(re.sub(r"\s+", " ", verse).strip())
    return {book: [" ".join(verses) for verses in chapters] for book, chapters in books.items()}


def train_tokenizer(texts):
    """Byte-level BPE without a template: no special token is added to a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[BOS, EOS], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def new_model(family):
    """An untrained model; Qwen3 adds norms of queries and keys, and states the width of a head."""
    shape = dict(
        vocab_size=VOCABULARY, hidden_size=192, intermediate_size=512, num_hidden_layers=5, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=LONG_WINDOW, rms_norm_eps=1e-5, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, pad_token_id=None)
    if family == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(head_dim=32, **shape))
    return LlamaForCausalLM(LlamaConfig(**shape))


def rate(step, steps):
    """Learning rate of a step; steps is None while the level part is still open-ended."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    start = math.inf if steps is None else round(steps * (1 - DECAY_SHARE))
    if step < start:
        return PEAK_RATE
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - start) / (steps - start)))


def batch(stream, step, generator):
    """Random windows (n, length); every fourth step uses long ones, so that all positions are trained."""
    length = LONG_WINDOW if step % 4 == 3 else WINDOW
    starts = torch.randint(len(stream) - length + 1, (TOKENS_A_STEP // length,), generator=generator)
    return torch.stack([stream[s:s + length] for s in starts.tolist()])


@torch.no_grad()
def perplexity(model, ids, window=WINDOW):
    """Exp of the mean over disjoint windows, a partial last one dropped, targets 1 .. window-1. Returns (value, targets)."""
    total = count = 0
    for start in range(0, len(ids) - window + 1, window):
        x = ids[start:start + window][None]
        logits = model(x).logits[0, :-1].float()
        total += torch.nn.functional.cross_entropy(logits, x[0, 1:], reduction="sum").item()
        count += window - 1
    return math.exp(total / count), count


def write(out, family, model, tokenizer, calibration, heldout):
    """Writes the folder and returns the stored model, its bf16 weights widened to f32."""
    out.mkdir(parents=True, exist_ok=True)
    stored = new_model(family)
    stored.load_state_dict(model.state_dict())
    stored.to(torch.bfloat16)
    stored.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1)
    stored.save_pretrained(out)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS,
                "model_max_length": LONG_WINDOW, "clean_up_tokenization_spaces": False}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (out / "calibration.txt").write_text(calibration, encoding="utf-8")
    (out / "heldout.txt").write_text(heldout, encoding="utf-8")
    return stored.float().eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="one verse a line, as `bible -f` prints it")
    parser.add_argument("out", type=Path)
    parser.add_argument("--family", choices=("llama", "qwen3"), default="llama")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
    parser.add_argument("--early", type=Path, help="also write the model as it is after --early-minutes to this folder")
    parser.add_argument("--early-minutes", type=float, default=5)
    args = parser.parse_args()

    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    books = read_books(args.text)
    training = {book: chapters for book, chapters in books.items() if book not in HELD_OUT}
    heldout = "".join(chapter + "\n" for book in HELD_OUT for chapter in books[book])
    chapters = [chapter for book in training.values() for chapter in book]
    calibration = "".join(chapter + "\n" for chapter in chapters[::CALIBRATION_EVERY])

    tokenizer = train_tokenizer(chapters)
    encode = lambda text: tokenizer.encode(text).ids
    stream = torch.tensor([i for book in training.values()
                           for i in [0, *encode("".join(chapter + "\n" for chapter in book)), 1]])
    heldout_ids = torch.tensor(encode(heldout))
    model = new_model(args.family)
    print(f"{model.num_parameters():,} parameters, {len(stream):,} training tokens, {len(heldout_ids):,} held out", flush=True)

    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                                  lr=PEAK_RATE, betas=(0.9, 0.95))
    began, steps, step, running, early = time.time(), args.steps, 0, None, args.early
    while steps is None or step < steps:
        minutes = (time.time() - began) / 60
        if steps is None and minutes >= args.minutes * (1 - DECAY_SHARE):
            steps = round(step / (1 - DECAY_SHARE))
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        x = batch(stream, step, generator)
        logits = model(x).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), x[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        step += 1
        if step % 50 == 0:
            print(f"step {step}{f' of {steps}' if steps else ''}, {minutes:.1f} min, loss {running:.4f}", flush=True)
        if step % 500 == 0:
            print(f"step {step}: held-out perplexity {perplexity(model, heldout_ids)[0]:.3f}", flush=True)
        if early and minutes >= args.early_minutes:
            write(early, args.family, model, tokenizer, calibration, heldout)
            print(f"step {step}: early model written", flush=True)
            early = None

    stored = write(args.out, args.family, model, tokenizer, calibration, heldout)
    value, targets = perplexity(stored, heldout_ids)
    print(f"--steps {steps}: held-out token perplexity {value:.4f} over {targets} targets, windows of {WINDOW}")


if __name__ == "__main__":
    main()
