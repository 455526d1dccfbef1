"""Makes the numbers that the Rust tests compare with. Needs torch 2.11.0, nothing else.

    python make_fixtures.py            writes fixtures/ anew
    python make_fixtures.py --check    the same, but only compares with what is there

A parity file `fixtures/CASE.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs, targets     five batches: [5, batch, …] (float32 or uint8) and [5, batch] (int64)
    param.NAME          initial weights, as after torch.manual_seed(seed)
    logits, loss        of the first batch
    grad.NAME           gradients of that loss
    RUN.NAME            parameters after five steps, step k on batch k, for every RUN of metadata `optimizers`
    RUN.losses          the five losses of that run, each before its step
"""

import copy
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import torch
from safetensors_file import read, to_bytes, write
from torch.nn.functional import cross_entropy
from twin import CNNLSTM

STEPS = 5

OPTIMIZERS = {
    "adam": {"kind": "adam", "learningRate": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.0},
    "adam_decay": {"kind": "adam", "learningRate": 5e-3, "betas": [0.8, 0.99], "eps": 1e-6, "weightDecay": 0.05},
    "sgd": {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "nesterov": True, "weightDecay": 0.01},
    "sgd_plain": {"kind": "sgd", "learningRate": 0.1, "momentum": 0.0, "nesterov": False, "weightDecay": 0.0},
}


def block(out_channels, kernel_size=3, stride=1, padding=1, activation="relu", max_pool=2):
    return {
        "outChannels": out_channels,
        "kernelSize": kernel_size,
        "stride": stride,
        "padding": padding,
        "activation": activation,
        "maxPool": max_pool,
    }


def configuration(frame, classes, blocks, hidden_size, num_layers=1, dropout=0.0, bidirectional=False):
    channels, height, width = frame
    return {
        "input": {"channels": channels, "height": height, "width": width},
        "numClasses": classes,
        "classes": None,
        "cnn": blocks,
        "lstm": {
            "hiddenSize": hidden_size,
            "numLayers": num_layers,
            "dropout": dropout,
            "bidirectional": bidirectional,
        },
    }


VARIED = [
    block(4, kernel_size=5, stride=2, padding=0, activation="none", max_pool=None),
    block(6, kernel_size=1, padding=0, max_pool=None),
    block(8, max_pool=3),
]

# name: (seed, batch size, time or None for images, dtype of the inputs, configuration)
PARITY = {
    "images": (0, 4, None, torch.float32, configuration((3, 12, 14), 5, [block(4), block(8)], 8)),
    "clips": (1, 3, 5, torch.float32, configuration((3, 12, 10), 4, [block(4), block(6)], 7)),
    "two_layers": (2, 3, 4, torch.float32, configuration((2, 8, 8), 3, [block(4), block(4)], 9, num_layers=2)),
    "bidirectional": (3, 3, 4, torch.float32, configuration((2, 8, 8), 3, [block(4), block(4)], 6, bidirectional=True)),
    "bidirectional_two_layers": (
        4,
        2,
        6,
        torch.float32,
        configuration((1, 8, 8), 4, [block(3), block(4)], 5, num_layers=2, bidirectional=True),
    ),
    "odd_size": (5, 2, 2, torch.float32, configuration((3, 31, 37), 5, [block(4), block(4)], 8)),
    "one_channel": (6, 5, 3, torch.float32, configuration((1, 11, 9), 3, [block(3), block(5)], 8)),
    "block_variants": (7, 3, 3, torch.float32, configuration((3, 24, 21), 6, VARIED, 8)),
    "one_block": (8, 4, None, torch.float32, configuration((2, 6, 7), 2, [block(5, max_pool=None)], 6)),
    "uint8_images": (9, 4, None, torch.uint8, configuration((3, 13, 12), 5, [block(4), block(6)], 8)),
    "uint8_clips": (10, 3, 4, torch.uint8, configuration((1, 9, 10), 3, [block(3), block(4)], 6)),
}

# Dropout between layers, drawn after the initial weights from one and the same stream, as PyTorch's nn.LSTM draws it.
DROPOUT = {
    "dropout": (11, 4, 5, torch.float32, configuration((1, 8, 8), 3, [block(3), block(4)], 12, 2, 0.5)),
    "dropout_three_layers": (12, 3, 4, torch.float32, configuration((1, 6, 6), 3, [block(4)], 8, 3, 0.3, True)),
    "dropout_images": (13, 6, None, torch.float32, configuration((1, 6, 6), 3, [block(4)], 16, 2, 0.5)),
}

TUTORIAL = configuration((3, 32, 32), 10, [block(32), block(64)], 128)
WEIGHTS = [
    (TUTORIAL, (0, 1, 42, 2**32 - 1, 2**53 - 1)),
    (configuration((1, 28, 28), 10, [block(32), block(64)], 128), (0, 7)),
    (configuration((3, 31, 37), 5, [block(4), block(4)], 8), (0, 123456789)),
    (configuration((3, 24, 21), 6, VARIED, 8, num_layers=2, dropout=0.5), (0, 3)),
    (configuration((2, 16, 16), 3, [block(8)], 24, num_layers=3, bidirectional=True), (0, 5)),
    (configuration((1, 4, 4), 2, [block(1, max_pool=None)], 1), (0, 9)),
]


def random_batches(seed, batch_size, time, dtype, config):
    """Five batches that depend on the case's seed alone, not on the model's stream."""
    generator = torch.Generator().manual_seed(1000 + seed)
    frame = [config["input"][key] for key in ("channels", "height", "width")]
    shape = [STEPS, batch_size, *([] if time is None else [time]), *frame]
    if dtype == torch.uint8:
        inputs = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    else:
        inputs = torch.randn(shape, generator=generator)
    targets = torch.randint(0, config["numClasses"], [STEPS, batch_size], generator=generator)
    return inputs, targets


def make_optimizer(settings, parameters):
    if settings["kind"] == "adam":
        return torch.optim.Adam(
            parameters,
            lr=settings["learningRate"],
            betas=tuple(settings["betas"]),
            eps=settings["eps"],
            weight_decay=settings["weightDecay"],
        )
    return torch.optim.SGD(
        parameters,
        lr=settings["learningRate"],
        momentum=settings["momentum"],
        nesterov=settings["nesterov"],
        weight_decay=settings["weightDecay"],
    )


def run_steps(model, inputs, targets, settings):
    """Takes five steps, one on each batch: the losses, and the parameters after them."""
    optimizer = make_optimizer(settings, model.parameters())
    losses = []
    for batch, labels in zip(inputs, targets, strict=True):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), dict(model.named_parameters())


def results(model, inputs, targets):
    """Everything the tests compare, by name. The model is copied for each run: all start from the same weights."""
    tensors = {}
    logits = model(inputs[0])
    loss = cross_entropy(logits, targets[0])
    loss.backward()
    tensors["logits"], tensors["loss"] = logits, loss
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    for run, settings in OPTIMIZERS.items():
        losses, parameters = run_steps(copy.deepcopy(model), inputs, targets, settings)
        tensors[f"{run}.losses"] = losses
        tensors |= {f"{run}.{name}": parameter for name, parameter in parameters.items()}
    return tensors


def relative_error(actual, expected):
    """‖actual − expected‖ / ‖expected‖; the bare distance where a zero tensor is expected (weight_hh of one step)."""
    scale = expected.double().norm() or 1.0
    return ((actual.double() - expected.double()).norm() / scale).item()


def parity_fixture(case, folder):
    seed, _batch_size, _time, _dtype, config = PARITY[case]
    inputs, targets = random_batches(*PARITY[case])
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    tensors = {"inputs": inputs, "targets": targets}
    tensors |= {f"param.{name}": parameter.detach().clone() for name, parameter in model.named_parameters()}

    exact_model = copy.deepcopy(model).double()
    exact = results(exact_model, inputs if inputs.dtype == torch.uint8 else inputs.double(), targets)
    numbers = results(model, inputs, targets)
    noise = {}
    for name, tensor in numbers.items():
        group = name.split(".")[0]
        noise[group] = max(noise.get(group, 0), relative_error(tensor, exact[name]))
    print(case, "float32 against float64:", ", ".join(f"{group} {error:.0e}" for group, error in noise.items()))

    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": json.dumps(OPTIMIZERS)}
    write(folder / f"{case}.safetensors", tensors | numbers, metadata)


def by_layers(model, clips):
    """What nn.LSTM does in training, said with one layer at a time.

    The mask is drawn over the layer's output in the layout [time, batch, directions * hidden], contiguous.
    """
    whole = model.lstm.lstm
    frames = clips.unsqueeze(1) if clips.dim() == 4 else clips
    layer_inputs = model.cnn(frames.flatten(0, 1)).reshape(*frames.shape[:2], -1)
    for layer in range(whole.num_layers):
        with torch.random.fork_rng():  # a new module draws weights, which must not disturb the stream
            single = torch.nn.LSTM(
                layer_inputs.size(-1), whole.hidden_size, batch_first=True, bidirectional=whole.bidirectional
            )
        single.load_state_dict({name: getattr(whole, name.replace("l0", f"l{layer}")) for name in single.state_dict()})
        outputs, _state = single(layer_inputs)
        if layer + 1 < whole.num_layers:
            time_major = outputs.transpose(0, 1).contiguous()
            keep = 1 - whole.dropout
            mask = torch.empty_like(time_major).bernoulli_(keep).div_(keep)
            outputs = (time_major * mask).transpose(0, 1)
        layer_inputs = outputs
    return model.fc(layer_inputs[:, -1])


def dropout_fixture(case, folder):
    """Training mode: the forward passes follow the initial weights in one stream. Evaluation logits stand beside."""
    seed, _batch_size, _time, _dtype, config = DROPOUT[case]
    inputs, targets = random_batches(*DROPOUT[case])
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    after_weights = torch.get_rng_state()
    tensors = {"inputs": inputs, "targets": targets}
    tensors |= {f"param.{name}": parameter.detach().clone() for name, parameter in model.named_parameters()}

    logits = model(inputs[0])  # the first mask after the weights
    loss = cross_entropy(logits, targets[0])
    loss.backward()
    tensors |= {"train_logits": logits.detach(), "train_loss": loss.detach()}
    tensors |= {f"grad.{name}": parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    after_one_pass = torch.get_rng_state()

    torch.set_rng_state(after_weights)
    assert torch.equal(by_layers(model, inputs[0]), logits), "the mask's layout is not as described"
    assert torch.equal(torch.get_rng_state(), after_one_pass)

    tensors["logits"] = model.eval()(inputs[0])
    assert torch.equal(torch.get_rng_state(), after_one_pass), "evaluation draws nothing"
    torch.set_rng_state(after_weights)
    losses, parameters = run_steps(model.train(), inputs, targets, OPTIMIZERS["sgd"])
    tensors["sgd.losses"] = losses
    tensors |= {f"sgd.{name}": parameter for name, parameter in parameters.items()}

    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": json.dumps({"sgd": OPTIMIZERS["sgd"]})}
    write(folder / f"{case}.safetensors", tensors, metadata)


def initial_weights(folder):
    """Digests of every parameter's bytes (float32, little-endian), and its first values."""
    models = []
    for config, seeds in WEIGHTS:
        for seed in seeds:
            torch.manual_seed(seed)
            parameters = [
                {
                    "name": name,
                    "shape": list(parameter.shape),
                    "sha256": hashlib.sha256(to_bytes(parameter)).hexdigest(),
                    "first": parameter.detach().flatten()[:3].tolist(),
                }
                for name, parameter in CNNLSTM(config).named_parameters()
            ]
            models.append({"config": config, "seed": seed, "parameters": parameters})
    lines = ",\n".join(json.dumps(model) for model in models)
    (folder / "initial_weights.json").write_text(f"[\n{lines}\n]\n")


def make(folder):
    for case in PARITY:
        parity_fixture(case, folder)
    for case in DROPOUT:
        dropout_fixture(case, folder)
    initial_weights(folder)


def check(folder):
    """Compares a fresh set with the committed one: weights and inputs exactly, the rest to 1e-5."""
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        assert {path.name for path in Path(fresh).iterdir()} == {path.name for path in folder.glob("*.*")}
        assert (Path(fresh) / "initial_weights.json").read_text() == (folder / "initial_weights.json").read_text()
        for path in folder.glob("*.safetensors"):
            (ours, metadata), (theirs, their_metadata) = read(Path(fresh) / path.name), read(path)
            assert metadata == their_metadata and ours.keys() == theirs.keys(), path.name
            for name, tensor in ours.items():
                exact = name in ("inputs", "targets") or name.startswith("param.")
                same = torch.equal(tensor, theirs[name]) if exact else relative_error(tensor, theirs[name]) <= 1e-5
                assert same, f"{path.name}: {name} differs"
    print("fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "fixtures"
    if "--check" in sys.argv[1:]:
        check(here)
    else:
        here.mkdir(exist_ok=True)
        make(here)
