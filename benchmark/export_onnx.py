"""Writes the benchmark's network with its weights of seed 0 as ONNX, for `npm run benchmark -- --onnx FILE`.

    python benchmark/export_onnx.py 8x16x32 network.onnx

Needs torch 2.11 and onnx. The network and the seed are those of `lib/network.mjs` and `zoetrope-bench.mjs`.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "crates" / "zoetrope-core" / "tests"))
from twin import CNNLSTM  # noqa: E402


def network(size):
    block = {"kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": 2}
    return {
        "input": {"channels": 3, "height": size, "width": size},
        "numClasses": 10,
        "cnn": [{"outChannels": 32, **block}, {"outChannels": 64, **block}],
        "lstm": {"hiddenSize": 128, "numLayers": 1, "dropout": 0, "bidirectional": False},
    }


def main(shape, file):
    batch, time, size = map(int, shape.split("x"))
    torch.manual_seed(0)
    model = CNNLSTM(network(size)).eval()
    sizes = (batch, 3, size, size) if time == 1 else (batch, time, 3, size, size)
    torch.onnx.export(
        model, (torch.rand(sizes),), file, input_names=["clips"], output_names=["logits"], dynamo=False
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
