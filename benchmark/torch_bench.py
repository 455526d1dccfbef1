"""PyTorch's side of the benchmark: one job as JSON on standard input, its result as the last line of output.

The model is the tutorial's own, `twin.py` of the core's tests. What is timed is the least that a training loop in
PyTorch does: its batches lie ready, in the layout that the configuration likes best, and no loss is read back.
"""

import json
import os
import struct
import sys
import time
from pathlib import Path

began = time.perf_counter()
import torch  # noqa: E402 -- loading it is one of the figures

import_ms = 1000 * (time.perf_counter() - began)

sys.path.insert(0, str(Path(__file__).parent.parent / "crates" / "zoetrope-core" / "tests"))
from twin import CNNLSTM  # noqa: E402

WARM_UP_STEPS = 3
FEWEST_SWEEPS = 3


def read_weights(path):
    """The tensors of a safetensors file with float32 values."""
    raw = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        data = torch.frombuffer(raw[8 + length + start : 8 + length + end], dtype=torch.float32)
        state[name] = data.reshape(entry["shape"])
    return state


class Bench:
    """The model, its optimizer and its batches in one of the configurations."""

    def __init__(self, job):
        self.job = job
        self.is_channels_last = job["configuration"] != "defaults"
        model = CNNLSTM(job["config"])
        model.load_state_dict(read_weights(job["weights"]))
        if self.is_channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=self.is_channels_last or None)
        if job["configuration"] == "compiled":
            model.cnn = torch.compile(model.cnn)
        self.model = model

    def batches(self, shape, count):
        """The first `count` batches of inputs [batch, time, channels, height, width] and targets [batch]."""
        batch, frames, size = shape["batch"], shape["time"], shape["size"]
        channels = self.job["config"]["input"]["channels"]
        values = batch * frames * channels * size * size
        inputs = read_numbers(self.job["inputs"], count * values, torch.float32)
        targets = read_numbers(self.job["targets"], count * batch, torch.int32).long()
        sizes = (batch, channels, size, size) if frames == 1 else (batch, frames, channels, size, size)
        return [
            (self.laid_out(piece.reshape(sizes)), labels)
            for piece, labels in zip(inputs.split(values), targets.split(batch))
        ]

    def laid_out(self, inputs):
        """Frames in the layout that the configuration's convolutions work in."""
        if not self.is_channels_last:
            return inputs
        flat = inputs.reshape(-1, *inputs.shape[-3:]).contiguous(memory_format=torch.channels_last)
        return flat if inputs.dim() == 4 else flat.unflatten(0, inputs.shape[:2])

    def step(self, inputs, targets):
        """One optimizer update; the loss stays where it is."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.model(inputs), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def read_numbers(path, count, dtype):
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read(4 * count)), dtype=dtype)


def sweeps(batches, seconds, run):
    """Milliseconds of sweeps over all batches, for as long as `seconds`, after a warm-up."""
    for step in range(WARM_UP_STEPS):
        run(*batches[step % len(batches)])
    measured = []
    began = time.perf_counter()
    while len(measured) < FEWEST_SWEEPS or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        for batch in batches:
            run(*batch)
        measured.append(1000 * (time.perf_counter() - start))
    return measured


def agree(job):
    """Logits before the first step and the losses of the first steps."""
    bench = Bench(job)
    batches = bench.batches(job["shape"], job["steps"])
    try:
        with torch.inference_mode():
            logits = bench.model.eval()(batches[0][0])
        bench.model.train()
        losses = [bench.step(*batch).item() for batch in batches]
    except Exception as error:  # whatever the compiler's tool chain lacks
        if job["configuration"] != "compiled":
            raise
        reason = str(error).strip().splitlines()
        return {"unavailable": f"{type(error).__name__}: {reason[0] if reason else ''}"}
    return {"logits": logits.flatten().tolist(), "losses": losses}


def train(job):
    bench = Bench(job)
    return {"sweepsMs": sweeps(bench.batches(job["shape"], job["batches"]), job["seconds"], bench.step)}


def series(job):
    """Training steps at several shapes of one frame size; a list of sweeps for each."""
    bench = Bench(job)
    cases = job["cases"]
    return {
        "cases": [sweeps(bench.batches(case["shape"], case["batches"]), job["seconds"], bench.step) for case in cases]
    }


@torch.inference_mode()
def inference(job):
    bench = Bench(job)
    bench.model.eval()
    batches = bench.batches(job["shape"], job["batches"])
    return {"sweepsMs": sweeps(batches, job["seconds"], lambda inputs, _targets: bench.model(inputs))}


@torch.inference_mode()
def latency(job):
    """One clip, from tensor to the probabilities as Python numbers; a call is a sweep over one batch."""
    bench = Bench(job)
    bench.model.eval()
    batches = bench.batches(job["shape"], 1)
    return {"callsMs": sweeps(batches, job["seconds"], lambda clip, _target: bench.model(clip).softmax(-1).tolist())}


@torch.inference_mode()
def stream(job):
    """The frames of one clip, one after the other, with the LSTM's state carried; a sweep is the whole clip.

    The defaults hand `nn.LSTM` its state. The others take a cell with the same weights, which is faster for one step.
    """
    bench = Bench(job)
    model = bench.model.eval()
    recurrent = model.lstm.lstm
    weights = list(recurrent.parameters())
    takes_cell = job["configuration"] != "defaults"
    zeros = torch.zeros(1, recurrent.hidden_size)

    def run(clip, _target):
        state = (zeros, zeros) if takes_cell else None
        for frame in clip.unbind(1):
            features = model.projection(model.cnn(frame))
            if takes_cell:
                state = torch.lstm_cell(features, state, *weights)
                outputs = state[0]
            else:
                sequence, state = recurrent(features[:, None], state)
                outputs = sequence[:, -1]
            model.fc(outputs).softmax(-1).tolist()

    return {"sweepsMs": sweeps(bench.batches(job["shape"], 1), job["seconds"], run)}


def memory(job):
    train(job)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return {"peakBytes": 1024 * int(peak.split()[1])}


def sgemm(job):
    """The rate of a float32 matrix product of 1024³, the best that the machine's BLAS reaches."""
    size = 1024
    left, right, product = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    measured = sweeps([(left, right)], job["seconds"], lambda a, b: torch.mm(a, b, out=product))
    return {"flopsPerSecond": 2 * size**3 / (sorted(measured)[len(measured) // 2] / 1000)}


def load(_job):
    return {"importMs": import_ms}


def others_busy(task):
    """Runs a task; adds how many cores other programs, and other guests of the host, kept busy meanwhile."""
    before, own, began = busy_seconds(), time.process_time(), time.perf_counter()
    result = task()
    others = busy_seconds() - before - (time.process_time() - own)
    return {**result, "othersBusyCores": round(others / (time.perf_counter() - began), 3)}


def busy_seconds():
    """Processor time that the machine has spent on anything but idling."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / os.sysconf("SC_CLK_TCK")


def main():
    job = json.load(sys.stdin)
    torch.set_num_threads(job["threads"])
    tasks = {task.__name__: task for task in (agree, train, series, inference, latency, stream, memory, sgemm, load)}
    print(json.dumps(others_busy(lambda: tasks[job["task"]](job))))


main()
