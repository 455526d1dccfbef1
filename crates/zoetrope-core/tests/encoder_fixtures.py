"""Makes the numbers that the tests of the encoder's options compare with. Needs torch 2.11.0, nothing else.

    python encoder_fixtures.py            writes fixtures/encoder/ anew
    python encoder_fixtures.py --check    the same, but only compares with what is there

A file `fixtures/encoder/CASE.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs, targets         five batches: [5, batch, …] (float32 or uint8) and [5, batch] (int64)
    state.NAME              initial state dict, as after torch.manual_seed(seed)
    train_logits, train_loss  of the first batch in training mode: the first dropout masks after the weights
    grad.NAME               gradients of that loss
    logits                  of the first batch in evaluation mode, before any step
    RUN.NAME                state dict after five steps, step k on batch k, for every RUN of metadata `optimizers`
    RUN.losses              the five losses of that run, each before its step
    RUN.logits              of the first batch in evaluation mode, after that run
"""

import copy
import json
import sys
import tempfile
from pathlib import Path

import torch
from make_fixtures import OPTIMIZERS, block, configuration, random_batches, relative_error, run_steps
from safetensors_file import read, write
from torch.nn.functional import cross_entropy
from twin import CNNLSTM

# A convolution's bias in front of a batch norm has no gradient but rounding (norm below NOISE), which a large eps keeps
# from being a step.
NOISE = 1e-6
RUNS = {
    "sgd": OPTIMIZERS["sgd"],
    "adam": {"kind": "adam", "learningRate": 1e-2, "betas": [0.9, 0.999], "eps": 1e-2, "weightDecay": 0.01},
}


def case(seed, batch_size, time, frame, blocks, dtype=torch.float32, num_layers=1, dropout=0.0, **options):
    config = configuration(frame, 3, blocks, 5, num_layers, dropout)
    return seed, batch_size, time, dtype, config | options


def b(out_channels, kernel_size=3, stride=1, padding=1, activation="relu", max_pool=2, **options):
    return block(out_channels, kernel_size, stride, padding, activation, max_pool) | options


def over_time(seed, blocks, dtype=torch.float32, **options):
    return case(seed, 3, 6, (5, 1, 1), blocks, dtype, **options, input={"features": 5})


def t(out_channels, kernel_size=3, padding=1, activation="relu", **options):
    return b(out_channels, kernel_size, 1, padding, activation, None, **options)


DILATED = [b(4, padding=2, dilation=2), b(3, kernel_size=2, padding=0, dilation=3, max_pool=None)]
AVERAGED = [b(4, max_pool=None, avgPool=2), b(3, max_pool=None, avgPool=3)]
DROPPED = [b(4, dropout=0.3), b(4, dropout=0.5, activation="gelu")]
RESIDUAL = [b(4, residual=True), b(4, residual=True, max_pool=None), b(4, residual=True, stride=2, max_pool=None)]
NORMED_RESIDUAL = [b(4, residual=True, norm="batch"), b(4, residual=True, norm="layer", max_pool=None)]
ALL = [
    b(4, norm="batch", activation="gelu", residual=True, dropout=0.2),
    b(4, padding=2, norm="batch", activation="silu", residual=True, dilation=2, groups=4, max_pool=None, avgPool=2),
    b(6, stride=2, norm="layer", max_pool=None, dropout=0.1),
]

VECTORS_ALL = [
    t(5, norm="batch", residual=True, dropout=0.3),
    t(4, norm="batch", residual=True, activation="gelu", dilation=2, padding=2),
    t(4, 5, 2, norm="layer", groups=2, residual=True, dropout=0.2),
]

CASES = {
    "dilation": case(20, 3, 2, (2, 8, 9), DILATED),
    "groups": case(21, 3, 2, (2, 8, 9), [b(4, groups=2), b(8, kernel_size=1, padding=0, groups=4)]),
    "activations": case(22, 3, 2, (1, 8, 8), [b(4, activation="gelu"), b(3, activation="silu", max_pool=None)]),
    "clipped_activations": case(
        37, 3, 2, (1, 8, 8), [b(4, activation="relu6"), b(3, activation="hardswish", max_pool=None)]
    ),
    "average_pool": case(23, 3, 2, (2, 9, 8), AVERAGED),
    "batch_norm": case(24, 3, 3, (2, 8, 9), [b(4, norm="batch"), b(3, stride=2, activation="silu", norm="batch")]),
    "batch_norm_images": case(25, 5, None, (3, 8, 8), [b(4, norm="batch"), b(4)], torch.uint8),
    "layer_norm": case(26, 3, 2, (2, 8, 9), [b(4, norm="layer"), b(3, activation="none", norm="layer")]),
    "dropout": case(27, 3, 4, (2, 8, 9), DROPPED, num_layers=2, dropout=0.4),
    "residual": case(28, 3, 2, (2, 8, 9), RESIDUAL),
    "residual_norms": case(29, 3, 2, (3, 8, 8), NORMED_RESIDUAL),
    "global_pool": case(30, 3, 2, (2, 11, 12), [b(4), b(6, max_pool=None)], globalPool="average"),
    "global_pool_after_kernel": case(31, 3, None, (1, 8, 8), [b(4), b(6)], torch.uint8, globalPool="average"),
    "vectors": over_time(33, [t(4), t(6, 5, 2, "gelu"), t(3, 1, 0, "none")]),
    "vectors_dilation_groups": over_time(34, [t(4, 3, 2, dilation=2), t(8, 3, 3, "silu", dilation=3, groups=4)]),
    "vectors_norms": over_time(35, [t(4, norm="batch"), t(3, norm="layer", activation="silu")]),
    "vectors_all": over_time(36, VECTORS_ALL, torch.uint8),
    "all": case(32, 3, 3, (2, 12, 10), ALL, torch.uint8, globalPool="average"),
}


def batches(seed, batch_size, time, dtype, config):
    """As `random_batches`, which knows frames: a vector is a frame of one pixel."""
    size = config["input"].get("features")
    frame = config if size is None else config | {"input": {"channels": size, "height": 1, "width": 1}}
    inputs, targets = random_batches(seed, batch_size, time, dtype, frame)
    return inputs if size is None else inputs.flatten(-3), targets


def results(seed, inputs, targets, config, kind=torch.float32):
    """Everything the tests compare, by name. Every run starts from the same weights and the same stream."""
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    stream = torch.get_rng_state()
    tensors = {f"state.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    model = model.to(kind)
    inputs = inputs if inputs.dtype == torch.uint8 else inputs.to(kind)

    with torch.no_grad():
        tensors["logits"] = copy.deepcopy(model).eval()(inputs[0])
    first = copy.deepcopy(model)
    logits = first(inputs[0])
    loss = cross_entropy(logits, targets[0])
    loss.backward()
    tensors |= {"train_logits": logits.detach(), "train_loss": loss.detach()}
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in first.named_parameters()}
    for run, settings in RUNS.items():
        torch.set_rng_state(stream)
        trained = copy.deepcopy(model)
        losses, _parameters = run_steps(trained, inputs, targets, settings)
        tensors[f"{run}.losses"] = losses
        tensors |= {f"{run}.{name}": tensor.clone() for name, tensor in trained.state_dict().items()}
        with torch.no_grad():
            tensors[f"{run}.logits"] = trained.eval()(inputs[0])
    return tensors


def fixture(name, folder):
    seed, _batch_size, _time, _dtype, config = CASES[name]
    inputs, targets = batches(*CASES[name])
    numbers = results(seed, inputs, targets, config)
    if not (config["lstm"]["dropout"] or any(block.get("dropout") for block in config["cnn"])):
        exact = results(seed, inputs, targets, config, torch.float64)
        noise = {}
        for key, tensor in numbers.items():
            if tensor.double().norm() < NOISE:
                continue
            group = key.split(".")[0]
            noise[group] = max(noise.get(group, 0), relative_error(tensor, exact[key]))
        print(name, "float32 against float64:", ", ".join(f"{group} {error:.0e}" for group, error in noise.items()))
    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": json.dumps(RUNS)}
    write(folder / f"{name}.safetensors", {"inputs": inputs, "targets": targets} | numbers, metadata)


def make(folder):
    folder.mkdir(exist_ok=True)
    for name in CASES:
        fixture(name, folder)


def check(folder):
    """Compares a fresh set with the committed one: weights and inputs exactly, the rest to 1e-5."""
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        assert {path.name for path in Path(fresh).iterdir()} == {path.name for path in folder.iterdir()}
        for path in folder.glob("*.safetensors"):
            (ours, metadata), (theirs, their_metadata) = read(Path(fresh) / path.name), read(path)
            assert metadata == their_metadata and ours.keys() == theirs.keys(), path.name
            for name, tensor in ours.items():
                exact = name in ("inputs", "targets") or name.startswith("state.")
                same = torch.equal(tensor, theirs[name]) if exact else relative_error(tensor, theirs[name]) <= 1e-5
                assert same or tensor.double().norm() + theirs[name].double().norm() < NOISE, f"{path.name}: {name} differs"
    print("fixtures are as committed")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", f"Expected torch 2.11.0, found {torch.__version__}"
    torch.set_num_threads(1)
    here = Path(__file__).parent / "fixtures/encoder"
    check(here) if "--check" in sys.argv[1:] else make(here)
