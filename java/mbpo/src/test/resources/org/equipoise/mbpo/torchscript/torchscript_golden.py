"""Writes looking.pt, a TorchScript module over the toy task's twenty words, and looking.safetensors with its
logits and gradients for two images and rows; and writing.pt, a module that writes a file while it is read.

    pip install torch==2.13.0+cpu safetensors numpy
    python torchscript_golden.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
VOCABULARY, WIDTH, LONGEST = 20, 48, 32


class Looking(torch.nn.Module):
    """Mean colours of the left and right half, the running sum of the words, the last word and its place."""

    def __init__(self):
        super().__init__()
        self.image = torch.nn.Linear(6, WIDTH)
        self.sum = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.last = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.first = torch.nn.Linear(WIDTH, WIDTH)
        self.head = torch.nn.Linear(WIDTH, VOCABULARY)
        self.register_buffer("mean", torch.tensor([0.48, 0.46, 0.41]).view(1, 3, 1, 1))
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, pixels, ids):
        pixels = (pixels - self.mean) / 0.27
        half = pixels.size(3) // 2
        left = pixels[:, :, :, :half].mean(dim=(2, 3))
        right = pixels[:, :, :, half:].mean(dim=(2, 3))
        seen = self.image(torch.cat([left, right], 1)).unsqueeze(1)
        read = self.sum(ids).cumsum(1) + self.last(ids)
        return self.head(torch.tanh(self.first(torch.tanh(seen + read))))


torch.manual_seed(5)
module = Looking()
with torch.no_grad():
    module.sum.weight.mul_(0.3)
scripted = torch.jit.script(module)
scripted.save(str(HERE / "looking.pt"))

pixels = torch.rand(2, 3, 8, 12).requires_grad_()
ids = torch.tensor([[0, 1, 3, 4, 9], [0, 18, 5, 14, 6]])
logits = module(pixels, ids)
weights = torch.randn_like(logits)
(logits * weights).sum().backward()
tensors = dict(pixels=pixels.detach(), ids=ids, logits=logits.detach(), weights=weights, d_pixels=pixels.grad)
tensors["d_head"] = module.head.weight.grad
save_file(tensors, str(HERE / "looking.safetensors"))


class Writing(torch.nn.Module):
    """What a stranger's module can do as soon as it is read."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def forward(self, pixels, ids):
        return pixels

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.weight = state[0]
        self.training = state[1]
        torch.save(state[0], "target/written-while-a-module-was-read.pt")


torch.jit.script(Writing()).save(str(HERE / "writing.pt"))
