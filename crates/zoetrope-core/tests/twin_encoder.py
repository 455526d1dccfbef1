"""The CNN of the tutorial, generalised by Zoetrope's options of a block and of the features, for frames and vectors."""

import torch
from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "none": nn.Identity,
}
NORMS = {"batch": nn.BatchNorm2d, "layer": lambda channels: nn.GroupNorm(1, channels)}


BACKBONES = {"resnet18": 512, "resnet34": 512, "mobilenet_v2": 1280, "mobilenet_v3_small": 576}


def backbone(name):
    """A network of torchvision's without its classifier, which is drawn nevertheless: frames into averaged features."""
    from torchvision import models

    network = getattr(models, name)()
    setattr(network, "fc" if hasattr(network, "fc") else "classifier", nn.Identity())
    network.out_features = BACKBONES[name]
    return network


class CNN(nn.Module):
    """Frames of [frames, channels, height, width] into features of [frames, features], channel-major."""

    def __init__(self, config):
        super().__init__()
        channels, height, width = (config["input"][key] for key in ("channels", "height", "width"))
        self.blocks = config["cnn"]
        self.is_averaged = config.get("globalPool") == "average"
        for number, block in enumerate(self.blocks, 1):
            channels, height, width = self.add_block(number, block, channels, height, width)
        self.out_features = channels if self.is_averaged else channels * height * width

    def add_block(self, number, block, channels, height, width):
        """Makes the layers of a block in the order in which their weights are drawn; the size of its output."""
        out_channels, kernel, stride, padding = (
            block[key] for key in ("outChannels", "kernelSize", "stride", "padding")
        )
        dilation, groups = block.get("dilation", 1), block.get("groups", 1)
        convolution = nn.Conv2d(channels, out_channels, kernel, stride, padding, dilation, groups)
        setattr(self, f"conv{number}", convolution)
        if block.get("norm"):
            setattr(self, f"norm{number}", NORMS[block["norm"]](out_channels))
        if block.get("residual") and (channels != out_channels or stride != 1):
            setattr(self, f"shortcut{number}", nn.Conv2d(channels, out_channels, 1, stride))
        setattr(self, f"activation{number}", ACTIVATIONS[block["activation"]]())
        window = block["maxPool"] or block.get("avgPool") or 1
        if block["maxPool"]:
            setattr(self, f"pool{number}", nn.MaxPool2d(window))
        elif block.get("avgPool"):
            setattr(self, f"pool{number}", nn.AvgPool2d(window))
        setattr(self, f"dropout{number}", nn.Dropout(block.get("dropout", 0.0)))
        span = dilation * (kernel - 1) + 1
        height, width = (((size + 2 * padding - span) // stride + 1) // window for size in (height, width))
        return out_channels, height, width

    def run_block(self, number, block, x):
        def layer(name):
            return getattr(self, f"{name}{number}", nn.Identity())

        y = layer("norm")(layer("conv")(x))
        if block.get("residual"):
            y = y + layer("shortcut")(x)
        return layer("dropout")(layer("pool")(layer("activation")(y)))

    def forward(self, x):
        for number, block in enumerate(self.blocks, 1):
            x = self.run_block(number, block, x)
        if self.is_averaged:
            x = nn.functional.adaptive_avg_pool2d(x, 1)
        return x.reshape(x.size(0), -1)


class VectorCNN(nn.Module):
    """Vectors of [batch, time, features] into [batch, time, channels], by convolutions over time.

    `valid` of [batch, time] says which steps count: the others are zeros to a convolution, and nothing to anything else.
    """

    def __init__(self, config):
        super().__init__()
        channels = config["input"]["features"]
        self.blocks = config["cnn"]
        for number, block in enumerate(self.blocks, 1):
            out_channels, kernel, padding = (block[key] for key in ("outChannels", "kernelSize", "padding"))
            dilation, groups = block.get("dilation", 1), block.get("groups", 1)
            convolution = nn.Conv1d(channels, out_channels, kernel, 1, padding, dilation, groups)
            setattr(self, f"conv{number}", convolution)
            if block.get("norm"):
                norm = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[block["norm"]]
                setattr(self, f"norm{number}", norm(out_channels))
            if block.get("residual") and channels != out_channels:
                setattr(self, f"shortcut{number}", nn.Conv1d(channels, out_channels, 1))
            setattr(self, f"activation{number}", ACTIVATIONS[block["activation"]]())
            setattr(self, f"dropout{number}", nn.Dropout(block.get("dropout", 0.0)))
            channels = out_channels
        self.out_features = channels

    def run_block(self, number, block, x, valid):
        def layer(name):
            return getattr(self, f"{name}{number}", nn.Identity())

        def over_time(convolution, x):
            return convolution(x.transpose(1, 2)).transpose(1, 2)

        steps = layer("norm")(over_time(layer("conv"), x)[valid])  # [frames, channels]
        if block.get("residual"):
            steps = steps + over_time(layer("shortcut"), x)[valid]
        steps = layer("dropout")(layer("activation")(steps))
        y = steps.new_zeros(*valid.shape, steps.size(-1))
        y[valid] = steps
        return y

    def forward(self, x, valid=None):
        valid = torch.ones(x.shape[:2], dtype=torch.bool) if valid is None else valid
        x = torch.where(valid[:, :, None], x, 0)
        for number, block in enumerate(self.blocks, 1):
            x = self.run_block(number, block, x, valid)
        return x
