"""The peer of bench/engine.ts: one training step of the embedded engine's model in PyTorch's own
operators, with its own autograd and AdamW (foreach). Reads the start, the text and the shape that
the benchmark wrote, then answers each number on stdin with that many steps as one JSON line:
{"ms": [...], "cpu": [...], "loss": [...]}. It measures nothing but its own steps.
"""
import json
import math
import sys
import time

import numpy
import torch
import torch.nn.functional as F

with open(sys.argv[1]) as file:
    job = json.load(file)
model = job["model"]
V, T, D, H = model["vocab"], model["context"], model["width"], model["heads"]
B = job["batch"]
torch.set_num_threads(job["threads"])
# As the embedded engine does: numbers below 1.2e-38 count as zero.
torch.set_flush_denormal(True)

text = torch.from_numpy(numpy.fromfile(job["text"], dtype=numpy.uint8))
flat = numpy.fromfile(job["start"], dtype=numpy.float32)
shapes = [(V, D), (T, D)]
for _ in range(model["layers"]):
    shapes += [(D,), (D,), (D, 3 * D), (D, D), (D,), (D,), (D, 4 * D), (4 * D, D)]
shapes += [(D,), (D,)]
parameters = []
at = 0
for shape in shapes:
    size = math.prod(shape)
    part = torch.from_numpy(flat[at : at + size].copy()).reshape(shape)
    parameters.append(part.requires_grad_())
    at += size
assert at == flat.size
optimiser = torch.optim.AdamW(
    parameters, lr=job["rate"], betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, foreach=True
)
mask = torch.full((T, T), float("-inf")).triu(1)


def forward(x):
    x = F.embedding(x, parameters[0]) + parameters[1]
    for layer in range(model["layers"]):
        gain1, bias1, qkv, out, gain2, bias2, wide, narrow = parameters[2 + 8 * layer :][:8]
        h = F.layer_norm(x, (D,), gain1, bias1)
        heads = (h @ qkv).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        q, k, v = heads[0], heads[1], heads[2]
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(D // H)) + mask
        a = torch.softmax(scores, -1) @ v
        x = x + a.transpose(1, 2).reshape(B, T, D) @ out
        h = F.layer_norm(x, (D,), gain2, bias2)
        x = x + F.gelu(h @ wide, approximate="tanh") @ narrow
    return F.layer_norm(x, (D,), parameters[-2], parameters[-1]) @ parameters[0].t()


step = 0


def one():
    """Row r of step s starts at (s B + r) T of the text, turned round at its end."""
    global step
    rows = [((step * B + row) * T) % (len(text) - T - 1) for row in range(B)]
    x = torch.stack([text[row : row + T] for row in rows]).long()
    y = torch.stack([text[row + 1 : row + T + 1] for row in rows]).long()
    loss = F.cross_entropy(forward(x).view(-1, V), y.view(-1))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    step += 1
    return loss.item()


print(json.dumps({"version": "PyTorch " + torch.__version__}), flush=True)
for line in sys.stdin:
    told = {"ms": [], "cpu": [], "loss": []}
    for _ in range(int(line)):
        wall, cpu = time.perf_counter(), time.process_time()
        told["loss"].append(one())
        told["cpu"].append(1000 * (time.process_time() - cpu))
        told["ms"].append(1000 * (time.perf_counter() - wall))
    print(json.dumps(told), flush=True)
