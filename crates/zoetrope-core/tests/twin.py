"""The tutorial's own PyTorch classes, which Zoetrope has to equal.

As in the tutorial there is a `CNN`, a wrapper `LSTM` and a `CNNLSTM` of both; corrected where the tutorial asks the
pooling layer for its channels and the wrapper for its hidden size, and generalised by a configuration in Zoetrope's
own JSON form (`input, numClasses, cnn, lstm`), which is also what a checkpoint carries.
"""

import torch
from torch import nn


class CNN(nn.Module):
    """Frames of [frames, channels, height, width] into features of [frames, features], channel-major."""

    def __init__(self, config):
        super().__init__()
        channels, height, width = (config["input"][key] for key in ("channels", "height", "width"))
        self.blocks = config["cnn"]
        self.relu = nn.ReLU()
        for number, block in enumerate(self.blocks, 1):
            kernel, stride, padding = block["kernelSize"], block["stride"], block["padding"]
            convolution = nn.Conv2d(channels, block["outChannels"], kernel, stride, padding)
            setattr(self, f"conv{number}", convolution)
            channels = block["outChannels"]
            height, width = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
            if block["maxPool"]:
                height, width = height // block["maxPool"], width // block["maxPool"]
        self.out_features = channels * height * width

    def forward(self, x):
        for number, block in enumerate(self.blocks, 1):
            x = getattr(self, f"conv{number}")(x)
            if block["activation"] == "relu":
                x = self.relu(x)
            if block["maxPool"]:
                x = nn.functional.max_pool2d(x, block["maxPool"])
        return x.reshape(x.size(0), -1)


class LSTM(nn.Module):
    """Sequences of [batch, time, features] into [batch, time, directions * hidden]."""

    def __init__(self, in_features, config):
        super().__init__()
        self.lstm = nn.LSTM(
            in_features,
            config["hiddenSize"],
            config["numLayers"],
            batch_first=True,
            dropout=config["dropout"],
            bidirectional=config["bidirectional"],
        )
        self.out_features = config["hiddenSize"] * (2 if config["bidirectional"] else 1)

    def forward(self, x):
        outputs, _state = self.lstm(x)
        return outputs


class CNNLSTM(nn.Module):
    """Images of [batch, C, H, W] (one time step) or clips of [batch, time, C, H, W] into [batch, classes]."""

    def __init__(self, config):
        super().__init__()
        classes = config.get("numClasses") or len(config["classes"])
        self.cnn = CNN(config)
        self.lstm = LSTM(self.cnn.out_features, config["lstm"])
        self.fc = nn.Linear(self.lstm.out_features, classes)

    def forward(self, x):
        if x.dtype == torch.uint8:
            x = x.to(self.fc.weight.dtype) / 255
        clips = x.unsqueeze(1) if x.dim() == 4 else x
        batch, time = clips.shape[:2]
        features = self.cnn(clips.flatten(0, 1)).reshape(batch, time, -1)
        outputs = self.lstm(features)
        return self.fc(outputs[:, -1])
