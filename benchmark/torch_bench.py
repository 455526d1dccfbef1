"""PyTorch's side of the benchmark: one job as a line of JSON on standard input, its result as the last line of output.

A job that takes turns makes its preparations, prints a line, and runs a sweep for each further line of input.

The model is the tutorial's own, `twin.py` of the core's tests. What is timed is the least that a training loop in
PyTorch does: its batches lie ready, in the layout that the configuration likes best, and no loss is read back.
"""

import json
import math
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

DTYPES = {"F32": torch.float32, "I64": torch.int64}  # of a model's file
WARM_UP_STEPS = 3
FEWEST_SWEEPS = 3


def read_weights(path):
    """The tensors of a model's file: float32, and a batch norm's count of batches."""
    raw = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        data = torch.frombuffer(raw[8 + length + start : 8 + length + end], dtype=DTYPES[entry["dtype"]])
        state[name] = data.reshape(entry["shape"])
    return state


class FullLength(CNNLSTM):
    """The twin for clips that are all as long: without the masks and copies that lengths need."""

    def forward(self, x):
        clips = x if x.dim() == (3 if self.is_vector else 5) else x.unsqueeze(1)
        features = clips
        if not self.is_vector:
            features = self.cnn(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        elif hasattr(self, "cnn"):
            features = self.cnn(clips)
        outputs = self.lstm(self.projection(features))
        return self.fc(self.dropout(self.over_time(outputs)))

    def over_time(self, outputs):
        if self.pooling == "mean":
            return outputs.mean(1)
        if self.pooling == "max":
            return outputs.amax(1)
        if self.pooling == "attention":
            return (self.attention(outputs).softmax(1) * outputs).sum(1)
        return outputs[:, -1]


class OverTime(torch.nn.Module):
    """The twin's convolutions over time, likewise: [batch, time, features] into [batch, time, channels]."""

    def __init__(self, twin):
        super().__init__()
        self.twin = twin

    def forward(self, x):
        x = x.transpose(1, 2)  # [batch, channels, time], between all blocks
        for number, block in enumerate(self.twin.blocks, 1):

            def layer(name):
                return getattr(self.twin, f"{name}{number}", torch.nn.Identity())

            y = layer("conv")(x)
            y = layer("norm")(y.transpose(1, 2)).transpose(1, 2) if block.get("norm") == "layer" else layer("norm")(y)
            if block.get("residual"):
                y = y + layer("shortcut")(x)
            x = layer("dropout")(layer("activation")(y))
        return x.transpose(1, 2)


class Bench:
    """The model, its optimizer and its batches in one of the configurations."""

    def __init__(self, job):
        self.job = job
        self.is_channels_last = job["configuration"] != "defaults"
        model = FullLength(job["config"])
        model.load_state_dict(read_weights(job["weights"]))
        if model.is_vector and hasattr(model, "cnn"):
            model.cnn = OverTime(model.cnn)
        if self.is_channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=self.is_channels_last or None)
        if job["configuration"] == "compiled" and hasattr(model, "cnn"):  # without one there is nothing to compile
            model.cnn = torch.compile(model.cnn)
        self.model = model

    def batches(self, shape, count):
        """The first `count` batches of inputs [batch, time, channels, height, width] and targets [batch]."""
        batch, frames, step = shape["batch"], shape["time"], step_shape(self.job["config"]["input"])
        values = batch * frames * math.prod(step)
        inputs = read_numbers(self.job["inputs"], count * values, torch.float32)
        targets = read_numbers(self.job["targets"], count * batch, torch.int32).long()
        sizes = (batch, *step) if frames == 1 else (batch, frames, *step)
        return [
            (self.laid_out(piece.reshape(sizes)), labels)
            for piece, labels in zip(inputs.split(values), targets.split(batch))
        ]

    def laid_out(self, inputs):
        """Frames in the layout that the configuration's convolutions work in."""
        if not self.is_channels_last or inputs.dim() < 4:  # a vector has one layout
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


def step_shape(input):
    """The axes of one step's input: those of a frame, or a vector's features."""
    return (input["features"],) if "features" in input else (input["channels"], input["height"], input["width"])


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


def turns(batches, _seconds, run):
    """A sweep for each line that comes after the job; answers with its milliseconds and the most memory so far."""
    for step in range(WARM_UP_STEPS):
        run(*batches[step % len(batches)])
    print("true", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for batch in batches:
            run(*batch)
        ms = 1000 * (time.perf_counter() - start)
        print(json.dumps({"ms": ms, "peakBytes": peak_bytes()}), flush=True)


def timed(job):
    """Times sweeps for a while, or one for each line."""
    return turns if job.get("takesTurns") else sweeps


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
    sweeps_ms = timed(job)(bench.batches(job["shape"], job["batches"]), job["seconds"], bench.step)
    return {"sweepsMs": sweeps_ms, "peakBytes": peak_bytes()}


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
    sweeps_ms = timed(job)(batches, job["seconds"], lambda inputs, _targets: bench.model(inputs))
    return {"sweepsMs": sweeps_ms, "peakBytes": peak_bytes()}


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
    return {"peakBytes": train(job)["peakBytes"]}


def peak_bytes():
    """The most memory that this process ever held."""
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(peak.split()[1])


def sgemm(job):
    """Products of float32 matrices, whose rate is the best that the machine's BLAS reaches. It takes turns."""
    size = job["size"]
    left, right, product = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    turns([(left, right)] * job["products"], None, lambda a, b: torch.mm(a, b, out=product))
    return {}


def files(job):
    """Epochs over folders of JPEG frames, as people write them: PIL in a Dataset, two workers, PyTorch's defaults."""
    try:
        from PIL import Image
    except ImportError:
        return {"unavailable": "this Python has no Pillow"}
    import numpy

    size = job["size"]
    classes = sorted(folder for folder in Path(job["folder"]).iterdir())
    clips = [(clip, target) for target, folder in enumerate(classes) for clip in sorted(folder.iterdir())]

    class Clips(torch.utils.data.Dataset):
        def __len__(self):
            return len(clips)

        def __getitem__(self, index):
            folder, target = clips[index]
            frames = []
            for path in sorted(folder.iterdir()):
                image = Image.open(path).convert("RGB")
                side = min(image.size)
                left, top = ((length - side) // 2 for length in image.size)
                box = (left, top, left + side, top + side)
                frames.append(numpy.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box)))
            clip = torch.from_numpy(numpy.stack(frames)).permute(0, 3, 1, 2)  # [time, channels, height, width]
            return clip.float() / 255, target

    loader = torch.utils.data.DataLoader(
        Clips(), job["batch"], shuffle=True, num_workers=2, persistent_workers=True, multiprocessing_context="fork"
    )
    model = CNNLSTM(job["config"])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch():
        for inputs, targets in loader:
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()

    epoch()
    measured = []
    for _ in range(FEWEST_SWEEPS):
        start = time.perf_counter()
        epoch()
        measured.append(1000 * (time.perf_counter() - start))
    return {"sweepsMs": measured}


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
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    tasks = {task.__name__: task for task in (agree, train, series, inference, latency, stream, memory, sgemm, files, load)}
    print(json.dumps(others_busy(lambda: tasks[job["task"]](job))))


main()
