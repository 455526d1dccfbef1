"""Makes the numbers that the tests of backbones compare with. Needs torch 2.11.0 and torchvision 0.26.0, nothing else.

    python backbone_fixtures.py            writes fixtures/backbone/ anew
    python backbone_fixtures.py --check    the same, but only compares with what is there

A file `fixtures/backbone/NAME.safetensors` has, for one configuration (metadata `config`, JSON) and `seed`:

    inputs, targets         one batch: [1, batch, time, 3, height, width] (uint8) and [1, batch] (int64)
    train_logits, train_loss  in training mode, from the weights as after torch.manual_seed(seed)
    grad.NAME               of that loss: `sample` of each parameter's gradient, computed in float64
    stat.NAME               after that pass: `sample` of each running mean and variance
    logits                  in evaluation mode, by these statistics
    metadata `state`        SHA-256 of all weights and buffers as drawn, one after the other
    metadata `noise`        the largest `sample_error` of a gradient that PyTorch computes in float32
"""

import copy
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import torch
from make_fixtures import configuration, random_batches, relative_error
from safetensors_file import read, to_bytes, write
from torch.nn.functional import cross_entropy
from twin import CNNLSTM
from twin_encoder import BACKBONES

SAMPLES = 24
# A gradient of a smaller norm is rounding: that of a bias in front of a batch norm, which cancels it.
NOISE = 1e-6


def sample(tensor):
    """Values evenly spread over a tensor, then its norm."""
    flat = tensor.detach().flatten()
    return torch.cat([flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES], flat.norm()[None]])


def sample_error(actual, expected, count):
    """The error of a sample of `count` values, relative to the norm that so many values have on average."""
    norm, samples = expected[-1].double(), len(expected) - 1
    error = (actual.double() - expected.double())[:-1].norm() / (norm * (samples / count) ** 0.5)
    return max(error.item(), relative_error(actual[-1], expected[-1]))


def gradients(model, inputs, targets):
    cross_entropy(model(inputs), targets).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def results(name, seed):
    config = configuration((3, 64, 48), 5, name, 8) | {"globalPool": "average"}
    inputs, targets = (batches[:1] for batches in random_batches(seed, 2, 3, torch.uint8, config))
    torch.manual_seed(seed)
    model = CNNLSTM(config)
    digest = hashlib.sha256(b"".join(to_bytes(tensor) for tensor in model.state_dict().values())).hexdigest()
    exact = gradients(copy.deepcopy(model).double(), inputs[0], targets[0])
    train_logits = model(inputs[0])
    loss = cross_entropy(train_logits, targets[0])
    loss.backward()
    noise = max(
        sample_error(sample(parameter.grad), sample(exact[name]), parameter.numel())
        for name, parameter in model.named_parameters()
        if exact[name].norm() > NOISE
    )
    tensors = {"inputs": inputs, "targets": targets, "train_logits": train_logits.detach(), "train_loss": loss.detach()}
    tensors |= {f"grad.{name}": sample(gradient).float() for name, gradient in exact.items()}
    statistics = ((name, buffer) for name, buffer in model.named_buffers() if buffer.dtype == torch.float32)
    tensors |= {f"stat.{name}": sample(buffer) for name, buffer in statistics}
    with torch.no_grad():
        tensors["logits"] = model.eval()(inputs[0])
    metadata = {"config": json.dumps(config), "seed": str(seed), "optimizers": "{}", "state": digest, "noise": str(noise)}
    return tensors, metadata


def main():
    torch.set_num_threads(1)
    folder = Path(__file__).parent / "fixtures" / "backbone"
    is_check = "--check" in sys.argv[1:]
    target = Path(tempfile.mkdtemp()) if is_check else folder
    target.mkdir(exist_ok=True)
    for seed, name in enumerate(BACKBONES, 60):
        tensors, metadata = results(name, seed)
        write(target / f"{name}.safetensors", tensors, metadata)
        if not is_check:
            continue
        known, known_metadata = read(folder / f"{name}.safetensors")
        assert known.keys() == tensors.keys() and known_metadata["state"] == metadata["state"], name
        worst = max(relative_error(tensors[key], known[key]) for key in known if known[key].double().norm() > NOISE)
        print(f"{name}: {worst:.1e}")
        assert worst < 1e-4, name


if __name__ == "__main__":
    main()
