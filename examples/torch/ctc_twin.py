"""The network of a recipe of label strings in PyTorch: the same lines, initial weights and settings.

    node examples/torch/write-task.mjs digit-lines FOLDER
    python examples/torch/ctc_twin.py FOLDER [--threads N] [--seeds 0 1 2]

The network is the tests' twin (`crates/zoetrope-core/tests/twin.py`), the training is PyTorch's own: `nn.CTCLoss`, `AdamW`,
`OneCycleLR`, `clip_grad_norm_`. Orders, dropout and noise are drawn by PyTorch, so the figures agree within the deviation
of seeds. Prints for each seed the share of wrong digits of the greedy answers on the test part.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean, stdev

import torch
from torch.optim.lr_scheduler import OneCycleLR

sys.path.insert(0, str(Path(__file__).parents[2] / "crates" / "zoetrope-core" / "tests"))
from safetensors_file import read  # noqa: E402
from twin import CNNLSTM, ctc_loss_of  # noqa: E402
from twin_forecast import normalized  # noqa: E402

BATCHES_SORTED_AT_ONCE = 50


def read_lines(folder, name, part):
    """The lines of a part: frames of [time, …frame] and labels of each."""
    kind = {"uint8": torch.uint8, "float32": torch.float32}[part["type"]]
    frames = torch.frombuffer(bytearray((folder / f"{name}.bin").read_bytes()), dtype=kind)
    clips = frames.view(-1, *part["shape"]).split(part["lengths"])
    return list(zip(clips, (torch.tensor(labels) for labels in part["targets"]), strict=True))


def batches_of_like_length(lines, size):
    """Indices in batches whose lines are about as long, in random order."""
    order = torch.randperm(len(lines)).tolist()
    batches = []
    for start in range(0, len(order), size * BATCHES_SORTED_AT_ONCE):
        span = sorted(order[start : start + size * BATCHES_SORTED_AT_ONCE], key=lambda index: len(lines[index][0]))
        batches += [span[at : at + size] for at in range(0, len(span), size)]
    return [batches[index] for index in torch.randperm(len(batches)).tolist()]


def collate(config, lines, noise=0.0):
    """Padded, normalised clips of [batch, time, …frame], how many frames each has, and the labels one after the other."""
    clips, labels = zip(*lines, strict=True)
    lengths = torch.tensor([len(clip) for clip in clips])
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    if noise:
        padded = padded + noise * torch.randn_like(padded)
    inputs = normalized(config, padded.flatten(0, 1)).view(padded.shape)
    return inputs, lengths, (torch.cat(labels), torch.tensor([len(label) for label in labels]), lengths)


def edits(answer, target):
    """The fewest insertions, deletions and substitutions between two strings."""
    row = list(range(len(target) + 1))
    for number, label in enumerate(answer, 1):
        before, row[0] = row[0], number
        for column, wanted in enumerate(target, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (label != wanted))
    return row[-1]


@torch.no_grad()
def share_of_wrong_labels(config, model, lines):
    """Edits of the greedy answers over the labels there are."""
    model.eval()
    wrong = labels = 0
    for start in range(0, len(lines), 100):
        batch = lines[start : start + 100]
        inputs, lengths, _targets = collate(config, batch)
        paths = model(inputs, lengths).argmax(1).split(lengths.tolist())
        for path, (_clip, target) in zip(paths, batch, strict=True):
            merged = path.unique_consecutive()
            wrong += edits((merged[merged > 0] - 1).tolist(), target.tolist())
            labels += len(target)
    return wrong / labels


def learn(folder, task, seed, train, test):
    state, metadata = read(folder / f"untrained-{seed}.safetensors")
    config = json.loads(metadata["zoetrope.config"])
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    model.load_state_dict(state, strict=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), task["learningRate"], weight_decay=task.get("weightDecay", 1e-2), fused=True
    )
    updates = task["epochs"] * -(-len(train) // task["batchSize"])
    cycle = {"pct_start": task["cycle"]["pctStart"], "final_div_factor": task["cycle"]["finalDivFactor"]}
    schedule = OneCycleLR(optimizer, task["learningRate"], updates, cycle_momentum=False, **cycle)
    for epoch in range(1, task["epochs"] + 1):
        model.train()
        total, start = 0.0, time.perf_counter()
        for indices in batches_of_like_length(train, task["batchSize"]):
            lines = [train[index] for index in indices]
            inputs, lengths, targets = collate(config, lines, task.get("augment", {}).get("noise", 0.0))
            optimizer.zero_grad()
            loss = ctc_loss_of(model(inputs, lengths), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), task["clipNorm"])
            optimizer.step()
            schedule.step()
            total += loss.item() * len(lines)
        seconds = time.perf_counter() - start
        print(f"  epoch {epoch}: loss {total / len(train):.4f}, {seconds:.0f} s", flush=True)
    return share_of_wrong_labels(config, model, test)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seeds", type=int, nargs="*")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    task = json.loads((arguments.folder / "task.json").read_text())
    train, test = (read_lines(arguments.folder, name, task["parts"][name]) for name in ("train", "test"))
    shares = []
    for seed in task["seeds"] if arguments.seeds is None else arguments.seeds:
        shares.append(learn(arguments.folder, task, seed, train, test))
        print(f"seed {seed}: {shares[-1]:.4f} wrong digits on the test part", flush=True)
    deviation = stdev(shares) if len(shares) > 1 else 0.0
    print(f"PyTorch {torch.__version__}: {mean(shares):.4f} ± {deviation:.4f} (mean and deviation of {len(shares)} seeds)")


if __name__ == "__main__":
    main()
