"""Numbers of PyTorch's for heads that write token sequences. Needs torch 2.11.0, nothing else.

    python token_fixtures.py            writes fixtures/tokens/ anew
    python token_fixtures.py --check    the same, but only compares with what is there

A file `fixtures/tokens/CASE.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs, lengths         five batches: [5, batch, time, …] with NaN in the padding, and [5, batch]
    labels, counts          their strings, [5, batch, most labels] with -1 after a string's end, and [5, batch]
    loss.class_weights, loss.label_smoothing, loss.teacher_forcing   options of the training loss, where it has any
    state.NAME              initial state dict, as after torch.manual_seed(seed)
    loss                    of the first batch in evaluation mode, without options
    greedy, greedy_scores   of the first batch: the strings, as `labels` are, and the logarithms of their probabilities
    train_loss, grad.NAME   of the first batch in training mode: the first draws after the weights
    RUN.NAME                state dict after five steps, step k on batch k, for every RUN of metadata `optimizers`
    RUN.losses              the five losses of that run, each before its step
"""

import copy
import json
import sys
import tempfile
from pathlib import Path

import torch
from encoder_fixtures import NOISE, RUNS
from make_fixtures import STEPS, block, make_optimizer, relative_error
from safetensors_file import read, write
from torch.nn.functional import cross_entropy
from twin import CNNLSTM

BATCH, TIME, CLASSES, MAX_LENGTH = 4, 5, 4, 6
VECTORS = {"input": {"features": 5}, "cnn": []}
FRAMES = {"input": {"channels": 2, "height": 6, "width": 5}, "cnn": [block(3) | {"norm": "batch"}]}


def case(base, attention=True, loss=None, lstm=None, **options):
    plain = {"cell": "lstm", "hiddenSize": 4, "numLayers": 1, "dropout": 0.0, "bidirectional": False}
    sequence = {"maxLength": MAX_LENGTH, "attention": attention, "embeddingSize": 3, "hiddenSize": 6}
    head = {"kind": "sequence", "sequence": sequence}
    config = base | {"numClasses": CLASSES, "head": head, "lstm": plain | (lstm or {})} | options
    return config, loss or {}


BOTH = {"bidirectional": True}
DEEP = {"numLayers": 2, "bidirectional": True}
CASES = {
    "attention": case(VECTORS),
    "final_state": case(VECTORS, attention=False),
    "bidirectional": case(VECTORS, lstm=BOTH),
    "final_states": case(VECTORS, attention=False, lstm=DEEP),
    "gru": case(VECTORS, lstm=BOTH | {"cell": "gru"}),
    "frames": case(FRAMES, projection=6, lstm=BOTH),
    "weighted": case(VECTORS, loss={"class_weights": [0.2, 1.0, 3.5, 0.7], "label_smoothing": 0.1}),
    "sampled": case(VECTORS, loss={"teacher_forcing": 0.4}, lstm=BOTH),
    "unforced": case(VECTORS, loss={"teacher_forcing": 0.0}, attention=False),
    "dropout": case(VECTORS, dropout=0.3, loss={"teacher_forcing": 0.7}),
}


def data(seed, config):
    """Five batches that depend on the case's seed alone. Strings may be empty, or as long as they may be."""
    generator = torch.Generator().manual_seed(3000 + seed)
    frame = [config["input"][key] for key in ("features", "channels", "height", "width") if key in config["input"]]
    inputs = torch.randn([STEPS, BATCH, TIME, *frame], generator=generator)
    lengths = torch.randint(1, TIME + 1, [STEPS, BATCH], generator=generator)
    inputs[torch.arange(TIME) >= lengths[:, :, None]] = float("nan")
    counts = torch.randint(0, MAX_LENGTH + 1, [STEPS, BATCH], generator=generator)
    counts[0, :2] = torch.tensor([0, MAX_LENGTH])
    labels = torch.randint(0, CLASSES, [STEPS, BATCH, MAX_LENGTH], generator=generator)
    labels[torch.arange(MAX_LENGTH) >= counts[:, :, None]] = -1
    return inputs, lengths, labels, counts


def strings_of(labels, counts):
    return [row[:count].tolist() for row, count in zip(labels, counts, strict=True)]


def padded(strings):
    rows = torch.full([len(strings), MAX_LENGTH], -1)
    for row, string in zip(rows, strings, strict=True):
        row[: len(string)] = torch.tensor(string, dtype=torch.int64)
    return rows


def loss_on(model, batch, kind, class_weights=None, label_smoothing=0.0, teacher_forcing=1.0):
    """The mean over labels and ends; the end's weight is 1."""
    inputs, lengths, labels, counts = batch
    strings = strings_of(labels, counts)
    logits = model.tokens(inputs.to(kind), lengths, strings, teacher_forcing)
    weight = None if class_weights is None else torch.tensor([*class_weights, 1.0]).to(kind)
    return cross_entropy(logits, model.decoder.write(strings), weight, label_smoothing=label_smoothing)


def results(seed, config, batches, options, kind=torch.float32):
    """Everything the tests compare, by name. Every run starts from the same weights and the same stream."""
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    stream = torch.get_rng_state()
    tensors = {f"state.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    model = model.to(kind)
    with torch.no_grad():
        answering = copy.deepcopy(model).eval()
        tensors["loss"] = loss_on(answering, batches[0], kind)
        strings, scores = answering.greedy(batches[0][0].to(kind), batches[0][1])
        tensors |= {"greedy": padded(strings), "greedy_scores": scores}
    first = copy.deepcopy(model)
    torch.set_rng_state(stream)
    loss = loss_on(first, batches[0], kind, **options)
    loss.backward()
    tensors["train_loss"] = loss.detach()
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in first.named_parameters()}
    for run, settings in RUNS.items():
        torch.set_rng_state(stream)
        trained = copy.deepcopy(model)
        optimizer = make_optimizer(settings, trained.parameters())
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            loss = loss_on(trained, batch, kind, **options)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        tensors[f"{run}.losses"] = torch.stack(losses)
        tensors |= {f"{run}.{name}": tensor.clone() for name, tensor in trained.state_dict().items()}
    return tensors


def fixture(name, folder):
    config, options = CASES[name]
    seed = 60 + list(CASES).index(name)
    given = dict(zip(("inputs", "lengths", "labels", "counts"), data(seed, config), strict=True))
    batches = list(zip(*given.values(), strict=True))
    numbers = results(seed, config, batches, options)
    if not config.get("dropout"):
        exact = results(seed, config, batches, options, torch.float64)
        assert torch.equal(numbers["greedy"], exact["greedy"]), "a string that rounding decides"
        noise = {}
        for key, tensor in numbers.items():
            if tensor.double().norm() >= NOISE:
                group = key.split(".")[0]
                noise[group] = max(noise.get(group, 0), relative_error(tensor, exact[key]))
        print(name, "float32 against float64:", ", ".join(f"{group} {error:.0e}" for group, error in noise.items()))
    given |= {f"loss.{key}": torch.tensor(value).reshape(-1) for key, value in options.items()}
    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": json.dumps(RUNS)}
    write(folder / f"{name}.safetensors", given | numbers, metadata)


def make(folder):
    folder.mkdir(exist_ok=True)
    for name in CASES:
        fixture(name, folder)


def check(folder):
    """Compares a fresh set with the committed one: weights, inputs and strings exactly, the rest to 1e-5."""
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        assert {path.name for path in Path(fresh).iterdir()} == {path.name for path in folder.iterdir()}
        for path in folder.glob("*.safetensors"):
            (ours, metadata), (theirs, their_metadata) = read(Path(fresh) / path.name), read(path)
            assert metadata == their_metadata and ours.keys() == theirs.keys(), path.name
            for name, tensor in ours.items():
                if name in ("inputs", "lengths", "labels", "counts", "greedy") or name.startswith("state."):
                    same = torch.equal(tensor.nan_to_num(), theirs[name].nan_to_num())
                else:
                    same = relative_error(tensor, theirs[name]) <= 1e-5
                assert same or tensor.double().norm() + theirs[name].double().norm() < NOISE, f"{path.name}: {name} differs"
    print("fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "fixtures/tokens"
    check(here) if "--check" in sys.argv[1:] else make(here)
