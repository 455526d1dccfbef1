"""Loads files saved by Zoetrope into the tutorial's own PyTorch classes, strictly, and compares logits.

    python load_into_pytorch.py MODEL.safetensors INPUTS_AND_LOGITS.safetensors [MODEL INPUTS_AND_LOGITS ...]

The second file of a pair holds `inputs` and the `logits` that Zoetrope computed from them. Exits with 1 where they
differ.
"""

import json
from pathlib import Path

import torch
from pairs import compare
from safetensors_file import read
from twin import CNNLSTM

TOLERANCE = 1e-5


def agrees(model_path, expected_path):
    state, metadata = read(model_path)
    model = CNNLSTM(json.loads(metadata["zoetrope.config"]))
    model.load_state_dict(state, strict=True)
    model.eval()
    expected, _metadata = read(expected_path)
    with torch.no_grad():
        logits = model(expected["inputs"])
    if model.per == "frame":  #  the twin gives the frames one clip after the other
        logits = logits.unflatten(0, expected["logits"].shape[:2])
    assert logits.shape == expected["logits"].shape, f"{logits.shape}, {expected['logits'].shape}"
    error = ((logits - expected["logits"]).norm() / logits.norm()).item()
    print(f"{Path(model_path).name}: logits differ by {error:.1e} (relative), allowed {TOLERANCE:.0e}")
    return error <= TOLERANCE  # false for NaN


if __name__ == "__main__":
    compare(agrees, __doc__)
