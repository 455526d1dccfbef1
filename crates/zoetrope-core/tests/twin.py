"""The tutorial's own PyTorch classes, which Zoetrope has to equal.

As in the tutorial there is a `CNN`, a wrapper `LSTM` and a `CNNLSTM` of both; corrected where the tutorial asks the
pooling layer for its channels and the wrapper for its hidden size, and generalised by a configuration in Zoetrope's
own JSON form, which is also what a checkpoint carries. docs/model.md has the mathematics.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from twin_decoder import Decoder
from twin_encoder import CNN, VectorCNN, backbone
from twin_forecast import Decoder as FrameDecoder
from twin_forecast import answer_size, forecast_loss


class LSTM(nn.Module):
    """Sequences of [batch, time, features] into [batch, time, directions * hidden]; an LSTM, or a GRU."""

    def __init__(self, in_features, config):
        super().__init__()
        cell = config.get("cell", "lstm")
        recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](
            in_features,
            config["hiddenSize"],
            config["numLayers"],
            batch_first=True,
            dropout=config["dropout"],
            bidirectional=config["bidirectional"],
        )
        setattr(self, cell, recurrent)
        self.cell = cell
        self.out_features = config["hiddenSize"] * (2 if config["bidirectional"] else 1)

    def forward(self, x, lengths=None):
        recurrent = getattr(self, self.cell)
        if lengths is None:
            return recurrent(x)[0]
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(recurrent(packed)[0], batch_first=True, total_length=x.size(1))[0]


class CNNLSTM(nn.Module):
    """Images [batch, C, H, W] or vectors [batch, F] (one time step), or clips with the time after the batch, into
    answers [batch, outputs], or [frames, outputs] of a head per frame or of label strings: the valid frames, clip after
    clip. A forecast answers like a head per clip, or where it is recursive like one per frame; frames with
    [rows, channels, …]."""

    def __init__(self, config):
        super().__init__()
        head = config.get("head") or {"kind": "classification", "per": "clip"}
        is_forecast = head["kind"] == "forecast"
        outputs = config.get("numClasses") or len(config.get("classes") or []) or head.get("outputs")
        self.sequence = head.get("sequence")
        if head["kind"] == "ctc":
            outputs += 1  #                                          the blank, first
        self.per = "frame" if head["kind"] == "ctc" else head.get("per", "clip")
        self.is_recursive = is_forecast and head["forecast"]["mode"] == "recursive"
        self.pooling = config.get("pooling", "last")
        self.is_vector = "features" in config["input"]
        if not self.is_vector:
            self.cnn = CNN(config) if isinstance(config["cnn"], list) else backbone(config["cnn"])
        elif config["cnn"]:
            self.cnn = VectorCNN(config)
        features = self.cnn.out_features if config["cnn"] or not self.is_vector else config["input"]["features"]
        if config.get("projection"):
            self.projection = nn.Linear(features, config["projection"])
            features = config["projection"]
        else:
            self.projection = nn.Identity()
        self.lstm = LSTM(features, config["lstm"])
        if self.pooling == "attention":
            self.attention = nn.Linear(self.lstm.out_features, 1)
        self.dropout = nn.Dropout(config.get("dropout", 0.0))
        if self.sequence:
            self.decoder = Decoder(self.lstm.out_features, outputs, config["lstm"], self.sequence)
            self.fc = nn.Linear(self.decoder.out_features, outputs + 1)
        else:
            self.fc = nn.Linear(self.lstm.out_features, answer_size(config) if is_forecast else outputs)
        if is_forecast and config["cnn"] and not self.is_vector:
            self.decoder = FrameDecoder(config)

    def forward(self, x, lengths=None):
        outputs, valid, counts = self.recurrent(x, lengths)
        answers = self.fc(self.dropout(self.pool(outputs, valid, counts)))
        return self.decoder(answers) if isinstance(getattr(self, "decoder", None), FrameDecoder) else answers

    def tokens(self, x, lengths, strings, share=1.0):
        """Of a token sequence: logits of every label of the strings and of their ends, [tokens, classes + 1]."""
        return self.decoder(*self.frames(x, lengths), strings, self.fc, share)

    def greedy(self, x, lengths):
        """Of a token sequence: the strings, and the logarithms of their probabilities."""
        return self.decoder.greedy(*self.frames(x, lengths), self.fc)

    def frames(self, x, lengths):
        """What a decoder looks at: [batch, time, hidden], which frames are valid, and how many each clip has."""
        outputs, valid, counts = self.recurrent(x, lengths)
        values = torch.zeros_like(outputs)
        values[valid] = self.dropout(outputs[valid])
        return values, valid, counts

    def recurrent(self, x, lengths):
        """The recurrent part's outputs [batch, time, hidden], which frames are valid, and how many each clip has."""
        if x.dtype == torch.uint8:
            x = x.to(self.fc.weight.dtype) / 255
        clips = x if x.dim() == (3 if self.is_vector else 5) else x.unsqueeze(1)
        batch, time = clips.shape[:2]
        counts = torch.full([batch], time) if lengths is None else lengths
        valid = torch.arange(time) < counts[:, None]  #              [batch, time]
        features = self.projection(self.encode(clips, valid))  #     [frames, features]
        sequence = features.new_zeros(batch, time, features.size(-1))
        sequence[valid] = features
        return self.lstm(sequence, lengths), valid, counts

    def encode(self, clips, valid):
        """[batch, time, …] into the features of the valid frames, [frames, features]: the padding takes no part."""
        if not self.is_vector:
            return self.cnn(clips[valid])
        return self.cnn(clips, valid)[valid] if hasattr(self, "cnn") else clips[valid]

    def pool(self, outputs, valid, counts):
        """[batch, time, hidden] into [batch, hidden], or [frames, hidden]."""
        hidden = ~valid[:, :, None]
        if self.per == "frame" or self.is_recursive:
            return outputs[valid]
        if self.pooling == "mean":
            return outputs.masked_fill(hidden, 0).sum(1) / counts[:, None]
        if self.pooling == "max":
            return outputs.masked_fill(hidden, float("-inf")).amax(1)
        if self.pooling == "attention":
            weights = self.attention(outputs).masked_fill(hidden, float("-inf")).softmax(1)
            return (weights * outputs).sum(1)
        return outputs[torch.arange(len(counts)), counts - 1]


def ctc_loss_of(outputs, targets):
    """The loss of label strings, of outputs [frames, classes + 1]; targets are the strings' labels one after the other,
    how many each clip has, and how many frames."""
    labels, label_counts, frames = targets
    log_probs = outputs.log_softmax(1).split(frames.tolist())
    padded = nn.utils.rnn.pad_sequence(log_probs)  #                [time, batch, classes + 1]
    return functional.ctc_loss(padded, labels + 1, frames, label_counts, blank=0, reduction="mean", zero_infinity=False)


def loss_of(config, outputs, targets, class_weights=None, label_smoothing=0.0):
    """The mean loss of answers [answers, outputs]."""
    head = config.get("head") or {"kind": "classification"}
    if head["kind"] == "ctc":
        return ctc_loss_of(outputs, targets)
    if head["kind"] == "classification":
        return functional.cross_entropy(outputs, targets, class_weights, label_smoothing=label_smoothing)
    if head["kind"] == "forecast":
        return forecast_loss(config, outputs, targets)
    if head["kind"] == "multiLabel":
        return functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=class_weights)
    return {"mse": functional.mse_loss, "smoothL1": functional.smooth_l1_loss}[head["loss"]](outputs, targets)
