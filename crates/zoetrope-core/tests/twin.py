"""The tutorial's own PyTorch classes, which Zoetrope has to equal.

As in the tutorial there is a `CNN`, a wrapper `LSTM` and a `CNNLSTM` of both; corrected where the tutorial asks the
pooling layer for its channels and the wrapper for its hidden size, and generalised by a configuration in Zoetrope's
own JSON form (`input, numClasses, cnn, lstm`), which is also what a checkpoint carries.
"""

import torch
from torch import nn
from twin_encoder import CNN


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
