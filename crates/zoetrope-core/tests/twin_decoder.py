"""The decoder of a token sequence, part of `twin.CNNLSTM`; docs/generation.md has the mathematics.

A token is a class's index, or the number of classes: the boundary, which begins a string where it is read and ends one
where it is written.
"""

import torch
from torch import nn


class AdditiveAttention(nn.Module):
    def __init__(self, encoded, hidden):
        super().__init__()
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(encoded, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, states, values, valid):
        """[batch, steps, hidden], [batch, time, encoded] and [batch, time] into [batch, steps, encoded]."""
        summed = self.query(states)[:, :, None] + self.key(values)[:, None]  # [batch, steps, time, hidden]
        energies = self.score(summed.tanh())[..., 0].masked_fill(~valid[:, None], float("-inf"))
        return energies.softmax(-1) @ values


class Decoder(nn.Module):
    def __init__(self, encoded, classes, lstm, sequence):
        super().__init__()
        hidden = sequence["hiddenSize"]
        self.classes, self.max_length = classes, sequence["maxLength"]
        self.encoder_hidden, self.bidirectional = lstm["hiddenSize"], lstm["bidirectional"]
        self.embedding = nn.Embedding(classes + 1, sequence["embeddingSize"])
        self.bridge = nn.Linear(encoded, 2 * hidden)
        self.lstm = nn.LSTM(sequence["embeddingSize"], hidden, batch_first=True)
        self.attention = AdditiveAttention(encoded, hidden) if sequence["attention"] else None
        self.out_features = hidden + (encoded if sequence["attention"] else 0)

    def start(self, values, lengths):
        """Where the encoder ends: its forward direction at a clip's last frame, the other one at its first."""
        ends = values[torch.arange(len(lengths)), lengths - 1]  #  [batch, encoded]
        if self.bidirectional:
            ends = torch.cat([ends[:, : self.encoder_hidden], values[:, 0, self.encoder_hidden :]], 1)
        hidden, cell = self.bridge(ends).tanh().chunk(2, 1)
        return hidden[None].contiguous(), cell[None].contiguous()

    def look(self, states, values, valid):
        if self.attention is None:
            return states
        return torch.cat([states, self.attention(states, values, valid)], -1)

    def read(self, strings):
        """What the steps read, [batch, steps], and which of them belong to a string."""
        counts = torch.tensor([len(string) + 1 for string in strings])
        inputs = torch.full([len(strings), int(counts.max())], self.classes)
        for row, string in zip(inputs, strings, strict=True):
            row[1 : 1 + len(string)] = torch.tensor(string, dtype=torch.int64)
        return inputs, torch.arange(inputs.size(1)) < counts[:, None]

    def write(self, strings):
        """What the steps should write, string after string, [tokens]."""
        return torch.tensor([token for string in strings for token in [*string, self.classes]])

    def forward(self, values, valid, lengths, strings, fc, share=1.0):
        """Logits of every token and end of the strings, [tokens, classes + 1]."""
        inputs, is_token = self.read(strings)
        state = self.start(values, lengths)
        if share == 1:
            states, _state = self.lstm(self.embedding(inputs), state)
            return fc(self.look(states, values, valid)[is_token])
        is_forced = torch.empty(inputs.shape).bernoulli_(share) > 0.5
        read, features = inputs[:, 0], []
        for step in range(inputs.size(1)):
            states, state = self.lstm(self.embedding(read)[:, None], state)
            features.append(self.look(states, values, valid))
            if step + 1 < inputs.size(1):
                written = fc(features[-1][:, 0]).argmax(1)
                read = torch.where(is_forced[:, step + 1], inputs[:, step + 1], written)
        return fc(torch.cat(features, 1)[is_token])

    @torch.no_grad()
    def greedy(self, values, valid, lengths, fc):
        """Each clip's string and the logarithm of its probability, the end included."""
        strings, scores = [], []
        for clip in range(len(lengths)):
            one = slice(clip, clip + 1)
            state = self.start(values[one], lengths[one])
            token, string, score = self.classes, [], 0.0
            while token != self.classes or not string:
                states, state = self.lstm(self.embedding(torch.tensor([[token]])), state)
                row = fc(self.look(states, values[one], valid[one]))[0, 0].log_softmax(0)
                token = self.classes if len(string) == self.max_length else int(row.argmax())
                score += float(row[token])
                if token == self.classes:
                    break
                string.append(token)
            strings.append(string)
            scores.append(score)
        return strings, torch.tensor(scores, dtype=torch.float64)
