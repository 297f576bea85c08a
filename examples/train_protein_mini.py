"""Train a model of protein-mini's shape from nothing, on a FASTA file of Swiss-Prot.

    pip install 'tunesmith[train]'
    python examples/train_protein_mini.py uniprot_sprot.fasta --out protein-mini --minutes 95

Get the file from https://www.uniprot.org/help/downloads (CC BY 4.0). The recipe is that of the bundled model's card:
sequences of 40 to 510 residues, near copies thinned by shared 7-mers, families to be kept new left out together with
whatever shares a 12-mer with them (`--leave-out family.fasta ...`), Muon for the matrices and AdamW for the rest, 100
steps of warm-up, linear decay over the last 40 % of the time. With a GPU the same minutes see far more sequences.
The folder that comes out can stand in a catalogue as a base model, or in the place of the bundled one.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tunesmith.base_models.catalog import load_catalog
from tunesmith.base_models.fetch import local_folder
from tunesmith.base_models.load import load_tokenizer
from tunesmith.base_models.prompts import sequence_training_ids
from tunesmith.records.fasta import RESIDUES
from tunesmith.schemas.records import SequenceRecord
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.training import InputFile
from tunesmith.training.base_model import choose_precision
from tunesmith.training.data import read_records

ROW_TOKENS = 512
BATCH_TOKENS = 8192
PEAK_RATE = 2e-3
WARMUP_STEPS = 100
DECAY_SHARE = 0.4
HELD_OUT = 300
SHAPE = GPT2Config(
    vocab_size=32,
    n_positions=1024,
    n_embd=256,
    n_layer=6,
    n_head=4,
    resid_pdrop=0.0,
    embd_pdrop=0.0,
    attn_pdrop=0.0,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)


def main() -> None:
    args = _arguments()
    torch.manual_seed(args.seed)
    entry = load_catalog().get("protein-mini")
    tokenizer = load_tokenizer(local_folder(entry, Path("models")))
    sequences = select(_read(args.fasta), [s for path in args.leave_out for s in _read(path)], args.seed)
    held_out, training = sequences[:HELD_OUT], sequences[HELD_OUT:]
    ids = [token for s in training for token in sequence_training_ids(tokenizer, entry, s)]
    rows = torch.tensor(ids[: len(ids) // ROW_TOKENS * ROW_TOKENS]).view(-1, ROW_TOKENS)
    print(f"{len(training):,} sequences to train on, {len(rows):,} rows of {ROW_TOKENS} tokens", flush=True)

    model = GPT2LMHeadModel(SHAPE).to(choose_precision(Adaptation.FULL).device)
    train(model, rows, minutes=args.minutes, seed=args.seed)
    tests = [torch.tensor(sequence_training_ids(tokenizer, entry, s)) for s in held_out]
    print(f"perplexity a residue on {len(held_out)} held-out sequences: {perplexity(model, tests):.2f}")
    print(f"residue frequencies alone: {frequency_perplexity(training, held_out):.2f}")
    model.to(torch.bfloat16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"saved in {args.out}")


def select(sequences: list[str], left_out: list[str], seed: int) -> list[str]:
    """Sequences of 40 to 510 plain residues in random order: none shares a 12-mer with `left_out`, and none that has
    more than half of its 7-mers from those taken before it."""
    forbidden = {kmer for s in left_out for kmer in _kmers(s, 12)}
    seen: set[str] = set()
    taken: list[str] = []
    shuffled = sorted(set(sequences))
    random.Random(seed).shuffle(shuffled)
    for sequence in shuffled:
        if not 40 <= len(sequence) <= 510 or not RESIDUES.issuperset(sequence):
            continue
        if any(kmer in forbidden for kmer in _kmers(sequence, 12)):
            continue
        kmers = list(_kmers(sequence, 7))
        if sum(kmer in seen for kmer in kmers) * 2 > len(kmers):
            continue
        seen.update(kmers)
        taken.append(sequence)
    return taken


def train(model: GPT2LMHeadModel, rows: torch.Tensor, *, minutes: float, seed: int) -> None:
    """Train for `minutes`; the rate follows the share of them that has passed."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".h." in n]
    rest = [p for n, p in model.named_parameters() if not (p.ndim == 2 and ".h." in n)]
    optimizers = [
        # match_rms_adamw lets both optimisers share one learning rate (Liu et al. 2025, arXiv:2502.16982).
        torch.optim.Muon(matrices, lr=PEAK_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    precision = choose_precision(Adaptation.FULL)
    model.train()
    began = time.monotonic()
    for step, batch in enumerate(_batches(rows, seed), start=1):
        passed = (time.monotonic() - began) / (60 * minutes)
        if passed >= 1:
            break
        rate = PEAK_RATE * min(1.0, step / WARMUP_STEPS, (1 - passed) / DECAY_SHARE)
        ids = batch.to(precision.device)
        with precision.context():
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if step % 20 == 0:
            seen = step * BATCH_TOKENS
            print(f"step {step}  loss {loss.item():.3f}  rate {rate:.1e}  {seen:,} tokens  {passed:.0%}", flush=True)


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, sequences: list[torch.Tensor]) -> float:
    """exp of nats a residue; the end of each sequence is counted with its residues."""
    model.eval()
    nll = sum(
        float(model(input_ids=ids[None].to(model.device), labels=ids[None].to(model.device)).loss) * (len(ids) - 1)
        for ids in sequences
    )
    return math.exp(nll / sum(len(ids) - 2 for ids in sequences))


def frequency_perplexity(training: list[str], held_out: list[str]) -> float:
    """Of a model that knows only how common each residue is."""
    letters = "".join(training)
    log_share = {r: math.log(max(1, letters.count(r)) / len(letters)) for r in RESIDUES}
    residues = "".join(held_out)
    return math.exp(-sum(log_share[r] for r in residues) / len(residues))


def _batches(rows: torch.Tensor, seed: int) -> Iterator[torch.Tensor]:
    """Batches (16, 512) in random order, pass after pass."""
    generator = torch.Generator().manual_seed(seed)
    size = min(len(rows), BATCH_TOKENS // ROW_TOKENS)
    while True:
        order = torch.randperm(len(rows), generator=generator)
        for start in range(0, len(rows) - size + 1, size):
            yield rows[order[start : start + size]]


def _kmers(sequence: str, k: int) -> Iterator[str]:
    return (sequence[i : i + k] for i in range(len(sequence) - k + 1))


def _read(path: Path) -> list[str]:
    records = read_records(InputFile(path=str(path), format="fasta", sha256=""), Task.PROTEIN)
    return [r.residues for r in records if isinstance(r, SequenceRecord)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a model of protein-mini's shape from nothing.")
    parser.add_argument("fasta", type=Path, help="Swiss-Prot as FASTA")
    parser.add_argument("--out", type=Path, default=Path("protein-mini"), help="folder for the model")
    parser.add_argument("--leave-out", type=Path, nargs="*", default=[], help="FASTA files of families to keep new")
    parser.add_argument("--minutes", type=float, default=95, help="how long to train")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
