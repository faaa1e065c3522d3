"""What every peer of bench/peers.ts trains: model, text, optimiser, clock, and where it leaves its
models. The model is that of the embedded engine (trainer/src/layout.ts): the same parameters in the
same flat order, so that one evaluator judges all methods.
"""
import json
import math
import os
import time

import numpy
import torch
import torch.nn.functional as F

WEIGHT_DECAY = 0.1
BETAS = (0.9, 0.95)
RAMP_STEPS = 20
REPORT_EVERY_S = 5.0


class Gpt(torch.nn.Module):
    """GPT on bytes with learned positions, tanh-GELU and the head tied to the embedding."""

    def __init__(self, vocab, context, width, layers, heads):
        super().__init__()
        self.context, self.width, self.layers, self.heads = context, width, layers, heads
        matrix = lambda *shape: torch.nn.Parameter(torch.randn(*shape) * 0.02)
        vector = lambda value: torch.nn.Parameter(torch.full((width,), value))
        self.flat = torch.nn.ParameterList([matrix(vocab, width), matrix(context, width)])
        for _ in range(layers):
            self.flat.extend([vector(1.0), vector(0.0), matrix(width, 3 * width)])
            self.flat.extend([matrix(width, width), vector(1.0), vector(0.0)])
            self.flat.extend([matrix(width, 4 * width), matrix(4 * width, width)])
        self.flat.extend([vector(1.0), vector(0.0)])
        self.register_buffer("mask", torch.full((context, context), -1e9).triu(1), persistent=False)

    def forward(self, x, y):
        p, d = list(self.flat), self.width
        batch = x.shape[0]
        h = p[0][x] + p[1]
        for layer in range(self.layers):
            gain1, bias1, qkv, out, gain2, bias2, mlp_in, mlp_out = p[2 + 8 * layer : 10 + 8 * layer]
            a = F.layer_norm(h, (d,), gain1, bias1) @ qkv
            a = a.view(batch, self.context, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
            scores = (a[0] / math.sqrt(d // self.heads)) @ a[1].transpose(-1, -2) + self.mask
            mixed = (scores.softmax(-1) @ a[2]).transpose(1, 2).reshape(batch, self.context, d)
            h = h + mixed @ out
            a = F.layer_norm(h, (d,), gain2, bias2) @ mlp_in
            h = h + F.gelu(a, approximate="tanh") @ mlp_out
        h = F.layer_norm(h, (d,), p[-2], p[-1])
        return F.cross_entropy((h @ p[0].t()).flatten(0, 1), y.flatten())


class Work:
    """One site's model, optimiser and stream of text, and the clock that all methods share."""

    def __init__(self, args):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        torch.manual_seed(args.seed)  # The same first model at every site.
        self.args = args
        self.model = Gpt(**json.loads(args.model))
        self.text = numpy.memmap(args.text, dtype=numpy.uint8, mode="r")
        self.random = numpy.random.default_rng([args.seed, args.rank])
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=args.lr, betas=BETAS, eps=1e-8, weight_decay=WEIGHT_DECAY
        )
        self.steps = 0
        self.tokens = 0
        self.started = None
        self.reported = 0.0

    def start(self):
        self.started = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.started

    def left(self):
        return self.seconds() < self.args.seconds

    def batch(self, size):
        context = self.model.context
        at = self.random.integers(0, len(self.text) - context - 1, size)
        rows = numpy.stack([self.text[i : i + context + 1] for i in at]).astype(numpy.int64)
        rows = torch.from_numpy(rows)
        return rows[:, :-1], rows[:, 1:]

    def rate(self):
        """Cosine to a tenth over the time that all methods have, after a short ramp."""
        done = min(1.0, self.seconds() / self.args.seconds)
        ramp = min(1.0, (self.steps + 1) / RAMP_STEPS)
        return self.args.lr * ramp * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))

    def step(self, size, model=None, scale=1.0):
        """One inner step of AdamW; `model` where a wrapper exchanges gradients."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.zero_grad(set_to_none=True)
        loss = (model or self.model)(*self.batch(size))
        (loss * scale).backward()
        self.optimiser.step()
        self.steps += 1
        self.tokens += size * self.model.context

    def vector(self):
        with torch.no_grad():
            return torch.cat([p.detach().flatten() for p in self.model.flat])

    def load(self, vector):
        at = 0
        with torch.no_grad():
            for p in self.model.flat:
                p.copy_(vector[at : at + p.numel()].view_as(p))
                at += p.numel()

    def report(self, vector=None, last=False):
        """Leaves the newest model with its time, every few seconds; losses are counted later."""
        now = self.seconds()
        if not last and now - self.reported < REPORT_EVERY_S:
            return
        self.reported = now
        name = "%08.2f.f32" % now
        data = (self.vector() if vector is None else vector).numpy().astype("<f4")
        data.tofile(os.path.join(self.args.out, name + ".part"))
        os.rename(os.path.join(self.args.out, name + ".part"), os.path.join(self.args.out, name))

    def finish(self):
        done = {"rank": self.args.rank, "steps": self.steps, "tokens": self.tokens}
        print(json.dumps({**done, "seconds": self.seconds()}), flush=True)
