"""The forecast head of the twin: the decoder of frames, what a clip's own steps are the targets of, and the loss.

A forecast is in the model's units: inputs freed of the normalisation's mean and deviation, bytes / 255; with
`loss: 'bce'` the outputs are logits and the targets as they came.
"""

import torch
from torch import nn
from torch.nn import functional
from twin_encoder import ACTIVATIONS, NORMS


def step_shape(config):
    """The axes of one step that is forecast."""
    size = config["input"]
    if "features" not in size:
        return [size["channels"], size["height"], size["width"]]
    features = config["head"]["forecast"]["features"]
    return [size["features"] if features is None else len(features)]


def steps_at_once(config):
    """Steps that one state is mapped to: all of the horizon, or the next."""
    forecast = config["head"]["forecast"]
    return forecast["horizon"] if forecast["mode"] == "direct" else 1


def mirrored(config):
    """The encoder's output, [channels, height, width], and of each block what its mirror has to know: the channels that
    it reads, the size of its convolution, the rows and columns that its stride left over, and its pooling window."""
    channels, height, width = step_shape(config)
    blocks = []
    for block in config["cnn"]:
        span = block.get("dilation", 1) * (block["kernelSize"] - 1) + 1
        around = [size + 2 * block["padding"] - span for size in (height, width)]
        convolved = [size // block["stride"] + 1 for size in around]
        window = block["maxPool"] or block.get("avgPool")
        blocks.append((channels, convolved, [size % block["stride"] for size in around], window))
        channels, (height, width) = block["outChannels"], [size // (window or 1) for size in convolved]
    return [channels, height, width], blocks


class Decoder(nn.Module):
    """Encoded frames into frames: the encoder's blocks from the last to the first, each with a transposed convolution."""

    def __init__(self, config):
        super().__init__()
        self.encoded, sizes = mirrored(config)
        self.blocks = list(enumerate(config["cnn"], 1))[::-1]
        for number, block in self.blocks:
            out_channels, convolved, rest, window = sizes[number - 1]
            out_channels *= steps_at_once(config) if number == 1 else 1
            setattr(self, f"up{number}", nn.Upsample(convolved) if window else nn.Identity())
            layer = nn.ConvTranspose2d(
                block["outChannels"],
                out_channels,
                block["kernelSize"],
                block["stride"],
                block["padding"],
                rest,
                block.get("groups", 1),
                dilation=block.get("dilation", 1),
            )
            setattr(self, f"deconv{number}", layer)
            if block.get("norm") and number > 1:
                setattr(self, f"norm{number}", NORMS[block["norm"]](out_channels))

    def forward(self, x):  # [rows, channels * height * width]
        x = x.view(-1, *self.encoded)
        for number, block in self.blocks:
            x = getattr(self, f"up{number}")(ACTIVATIONS[block["activation"]]()(x))
            x = getattr(self, f"deconv{number}")(x)
            x = getattr(self, f"norm{number}", nn.Identity())(x)
        return x  #  [rows, steps * channels, height, width]


def answer_size(config):
    """Outputs of `fc`: the encoded frame where a decoder follows, else the steps themselves."""
    if config["cnn"] and "features" not in config["input"]:
        return torch.Size(mirrored(config)[0]).numel()
    return steps_at_once(config) * torch.Size(step_shape(config)).numel()


def normalized(config, steps):
    """Steps of [rows, …step] as floats, freed of the normalisation's mean and deviation."""
    steps = steps.float() / 255 if steps.dtype == torch.uint8 else steps
    if not config.get("normalize"):
        return steps
    extra = (1,) * (steps.dim() - 2)
    mean, std = (torch.tensor(config["normalize"][key]).to(steps.dtype).view(-1, *extra) for key in ("mean", "std"))
    return (steps - mean) / std


def units(config, steps):
    """Steps of [rows, …step of the input] as targets, [rows, numbers of a step]."""
    if config["head"]["loss"] == "bce":
        steps = normalized(config | {"normalize": None}, steps)
    else:
        steps = normalized(config, steps)
    features = config["head"]["forecast"]["features"]
    return steps.flatten(1) if features is None else steps[:, features]


def in_data_units(config, steps):
    """Raw outputs of [rows, …step] as forecasts: probabilities, or numbers with the normalisation undone."""
    if config["head"]["loss"] == "bce":
        return steps.sigmoid()
    if not config.get("normalize"):
        return steps
    features = config["head"]["forecast"]["features"]
    extra = (1,) * (steps.dim() - 2)
    mean, std = (torch.tensor(config["normalize"][key]).to(steps.dtype) for key in ("mean", "std"))
    if features is not None:
        mean, std = mean[features], std[features]
    return steps * std.view(-1, *extra) + mean.view(-1, *extra)


def cut(config, clips, lengths):
    """What is read of clips [batch, time, …], with the lengths of that, and the targets of each of its states."""
    counts = torch.full([len(clips)], clips.size(1)) if lengths is None else lengths
    horizon = config["head"]["forecast"]["horizon"]
    if config["head"]["forecast"]["mode"] == "direct":
        following = [clip[count - horizon : count] for clip, count in zip(clips, counts)]
        targets = torch.stack([units(config, steps).flatten() for steps in following])
        return clips[:, : counts.max() - horizon], counts - horizon, targets
    targets = torch.cat([units(config, clip[1:count]) for clip, count in zip(clips, counts)])
    return clips[:, : counts.max() - 1], counts - 1, targets


def forecast_loss(config, outputs, targets):
    names = {
        "mse": functional.mse_loss,
        "smoothL1": functional.smooth_l1_loss,
        "bce": functional.binary_cross_entropy_with_logits,
    }
    return names[config["head"]["loss"]](outputs.flatten(1), targets.to(outputs.dtype))


def forecast(model, config, clip, steps):
    """The next steps of one clip [time, …], [steps, …step] in the data's units."""
    if config["head"]["forecast"]["mode"] == "direct":
        outputs = model(normalized(config, clip)[None])
        return in_data_units(config, outputs.view(-1, *step_shape(config)))[:steps]
    clip = normalized(config | {"normalize": None}, clip)
    for _ in range(steps):
        outputs = model(normalized(config, clip)[None])[-1:]
        clip = torch.cat([clip, in_data_units(config, outputs.view(-1, *step_shape(config)))])
    return clip[-steps:]
