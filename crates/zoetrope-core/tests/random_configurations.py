"""Compares Zoetrope's logits, loss and gradients with those of the tutorial's own PyTorch classes in float64.

    python random_configurations.py MODEL.safetensors EXPECTED.safetensors [MODEL EXPECTED ...]

The second file of a pair holds `inputs`, `targets` and, where clips have different ones, `lengths`; and what Zoetrope
made of them in float32: `logits` in evaluation, `loss` and `grad.NAME` in training. Exits with 1 where they differ.
"""

import json
from pathlib import Path

import torch
from pairs import compare
from safetensors_file import read
from twin import CNNLSTM, loss_of

VALUES, GRADIENTS = 1e-5, 1e-4
NOISE = 1e-6  # a norm below which a gradient is rounding: that of a bias in front of a batch norm or a softmax


def error(actual, expected):
    """Relative, by norms."""
    assert actual.shape == expected.shape, f"{actual.shape}, {expected.shape}"
    return ((actual.double() - expected).norm() / expected.norm()).item()


def answers(x, lengths):
    """The rows of the valid frames of [batch, time, …], [frames, …]."""
    counts = torch.full([x.size(0)], x.size(1)) if lengths is None else lengths
    return x[torch.arange(x.size(1)) < counts[:, None]]


def agrees(model_path, ours_path):
    state, metadata = read(model_path)
    config = json.loads(metadata["zoetrope.config"])
    model = CNNLSTM(config)
    model.load_state_dict(state, strict=True)
    model.double()
    ours, _metadata = read(ours_path)
    inputs, targets, lengths = ours["inputs"], ours["targets"], ours.get("lengths")
    inputs = inputs if inputs.dtype == torch.uint8 else inputs.double()
    logits = ours["logits"]
    if model.per == "frame":
        logits, targets = answers(logits, lengths), answers(targets, lengths)
    targets = targets.long() if config["head"]["kind"] == "classification" else targets.double()

    model.eval()
    with torch.no_grad():
        values = error(logits, model(inputs, lengths))
    model.train()
    loss = loss_of(config, model(inputs, lengths), targets)
    loss.backward()
    values = max(values, error(ours["loss"], loss.detach()))
    gradients, worst = 0.0, ""
    for name, parameter in model.named_parameters():
        actual, expected = ours[f"grad.{name}"], parameter.grad
        if expected.norm() < NOISE:
            found = 0.0 if actual.norm() < NOISE else float("inf")
        else:
            found = error(actual, expected)
        if not found <= gradients:  # NaN too
            gradients, worst = found, name
    is_close = values <= VALUES and gradients <= GRADIENTS
    print(f"{Path(model_path).stem}: values {values:.1e}, gradients {gradients:.1e} ({worst})")
    if not is_close:
        print(f"  above {VALUES:.0e} or {GRADIENTS:.0e}: {json.dumps(config)}")
    return is_close


if __name__ == "__main__":
    compare(agrees, __doc__)
