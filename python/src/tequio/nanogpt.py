"""The GPT of the embedded engine, in PyTorch: the same parameters in the same order.

A run of the embedded family can therefore have PyTorch sites and embedded ones side by side. The
graph it mirrors is in ``trainer/src/forward.ts``, the order in ``trainer/src/layout.ts``.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

#: Standard deviation of every matrix at the start, whatever the depth.
START_SIGMA = 0.02


class Layer(nn.Module):
    """Attention and a wide part of two products, each on what its norm gives."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.gain1 = nn.Parameter(torch.ones(width))
        self.bias1 = nn.Parameter(torch.zeros(width))
        self.qkv = _matrix(width, 3 * width)
        self.out = _matrix(width, width)
        self.gain2 = nn.Parameter(torch.ones(width))
        self.bias2 = nn.Parameter(torch.zeros(width))
        self.mlpIn = _matrix(width, 4 * width)
        self.mlpOut = _matrix(4 * width, width)

    def forward(self, x, mask):
        batch, context, width = x.shape
        y = F.layer_norm(x, (width,), self.gain1, self.bias1)
        parts = (y @ self.qkv).view(batch, context, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = (q / math.sqrt(width // self.heads)) @ k.transpose(-2, -1) + mask
        y = (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, context, width)
        x = x + y @ self.out
        y = F.layer_norm(x, (width,), self.gain2, self.bias2)
        return x + F.gelu(y @ self.mlpIn, approximate="tanh") @ self.mlpOut


class NanoGPT(nn.Module):
    """A decoder with learned positions and its head tied to the embedding."""

    def __init__(self, vocab=256, context=128, width=128, layers=4, heads=4):
        super().__init__()
        self.context = context
        self.embedding = _matrix(vocab, width)
        self.positions = _matrix(context, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.finalGain = nn.Parameter(torch.ones(width))
        self.finalBias = nn.Parameter(torch.zeros(width))
        # The far future is out of sight.
        mask = torch.full((context, context), -1e9).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def named_parameters(self, *args, **kwargs):
        """In the order of the flat vector, in which the final norm comes last."""
        named = list(super().named_parameters(*args, **kwargs))
        yield from (one for one in named if "final" not in one[0])
        yield from (one for one in named if "final" in one[0])

    def forward(self, x, targets=None):
        """The logits, or with targets the mean loss in nats."""
        context = x.shape[1]
        h = self.embedding[x] + self.positions[:context]
        mask = self.mask[:context, :context]
        for layer in self.layers:
            h = layer(h, mask)
        h = F.layer_norm(h, h.shape[-1:], self.finalGain, self.finalBias)
        logits = h @ self.embedding.t()
        if targets is None:
            return logits
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).long())


def _matrix(rows, columns):
    return nn.Parameter(START_SIGMA * torch.randn(rows, columns))


def adamw(model, learning_rate):
    """AdamW as the embedded engine has it: 0.9 / 0.95, decay 0.1 of every parameter."""
    settings = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, **settings)
