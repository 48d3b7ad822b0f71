"""Golden values of GaussianNoise, InputDiversity and TranslationInvariance, in double precision.

The resampling, its gradient and the blur are PyTorch's own (interpolate, pad, autograd, conv2d), the
draws are Philox4x32-10 written from the paper, the diffusion schedule is VCD's text.

    python3 -m venv v && v/bin/pip install torch==2.13.0+cpu numpy
    v/bin/python image_transforms_golden.py > image_transforms_golden.json
"""
import json
import math

import torch
import torch.nn.functional as F

MASK = 0xFFFFFFFF


def philox(low, high, key):
    c = [low & MASK, low >> 32, high & MASK, high >> 32]
    k = [key & MASK, key >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & MASK, (first >> 32) ^ c[3] ^ k[1], first & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def values(generator, *shape):
    """Multiples of 1/64 in [-2, 2), which floats and bfloat16 hold or round alike."""
    return torch.randint(-128, 128, shape, generator=generator).double() / 64


def numbers(tensor):
    return [float(f"{v:.15g}") for v in tensor.flatten().tolist()]


def diverse(x, seed, stream, step, rate, probability, mode):
    """One image of the batch, as the header of input_diversity defines the draw."""
    r = philox((1 << 63) + step, stream, seed)
    height, width = x.shape[-2:]
    if not (r[0] >> 8) / 2**24 < probability:
        return x
    low_h, low_w = max(1, int(rate * height)), max(1, int(rate * width))
    h = low_h + (r[1] * (height - low_h + 1) >> 32)
    w = low_w + (r[1] * (width - low_w + 1) >> 32)
    top, left = r[2] * (height - h + 1) >> 32, r[3] * (width - w + 1) >> 32
    options = {"align_corners": False} if mode == "bilinear" else {}
    small = F.interpolate(x, size=[h, w], mode=mode, **options)
    return F.pad(small, [left, width - w - left, top, height - h - top], value=0)


def diversity_cases(generator):
    for index in range(8):
        mode = ["bilinear", "nearest"][index % 2]
        height, width = [(9, 9), (8, 11)][index // 2 % 2]
        rate, probability = [(0.9, 1.0), (0.5, 0.7)][index // 4]
        seed, step = 1000 + index, 3 * index
        streams = [7 + index, 50]
        x = values(generator, 2, 1, height, width).requires_grad_(True)
        g = values(generator, 2, 1, height, width)
        out = torch.cat([diverse(x[i:i + 1], seed, streams[i], step, rate, probability, mode)
                         for i in range(2)])
        out.backward(g)
        yield {"mode": mode, "rate": rate, "probability": probability, "seed": seed, "step": step,
               "streams": streams, "shape": list(x.shape), "images": numbers(x.detach()),
               "d_out": numbers(g), "out": numbers(out.detach()), "d_images": numbers(x.grad)}


def kernel(name, length, nsig):
    """The one-dimensional kernels of torchattacks' TIFGSM; scipy's norm.pdf written out."""
    if name == "gaussian":
        at = torch.linspace(-nsig, nsig, length, dtype=torch.float64)
        return torch.exp(-at**2 / 2) / math.sqrt(2 * math.pi)
    if name == "uniform":
        return torch.ones(length, dtype=torch.float64)
    at = torch.linspace((-length + 1) / 2, (length - 1) / 2, length, dtype=torch.float64)
    return 1 - torch.abs(at / (length + 1) * 2)


def blur_cases(generator):
    for name, length, nsig in [("gaussian", 15, 3), ("gaussian", 7, 2), ("uniform", 5, 3),
                               ("linear", 9, 3)]:
        g = values(generator, 1, 2, 10, 12)
        one = kernel(name, length, nsig)
        two = torch.outer(one, one)
        stacked = (two / two.sum()).expand(2, 1, length, length)
        out = F.conv2d(g, stacked, stride=1, padding=(length - 1) // 2, groups=2)
        yield {"shape_name": name, "length": length, "deviations": nsig, "shape": list(g.shape),
               "gradient": numbers(g), "out": numbers(out)}


def normal(seed, stream, element):
    """Box and Muller on the uniform numbers of two neighbours."""
    u = [(philox(e // 4, stream, seed)[e % 4] >> 8) / 2**24
         for e in (element // 2 * 2, element // 2 * 2 + 1)]
    radius = math.sqrt(-2 * math.log(1 - u[0]))
    return radius * (math.cos if element % 2 == 0 else math.sin)(2 * math.pi * u[1])


def diffusion_cases(generator):
    betas = torch.linspace(-6, 6, 1000, dtype=torch.float64)
    betas = torch.sigmoid(betas) * (0.5e-2 - 1e-5) + 1e-5
    kept = torch.cumprod(1 - betas, dim=0)
    for index, step in enumerate([0, 250, 500, 999]):
        seed, streams = 77 + index, [3, 1 << 40]
        x = values(generator, 2, 3, 2, 3)
        z = torch.tensor([[normal(seed, s, e) for e in range(18)] for s in streams],
                         dtype=torch.float64).view(x.shape)
        out = torch.sqrt(kept[step]) * x + torch.sqrt(1 - kept[step]) * z
        yield {"step": step, "seed": seed, "streams": streams, "shape": list(x.shape),
               "images": numbers(x), "out": numbers(out)}


if __name__ == "__main__":
    source = torch.Generator().manual_seed(5)
    print(json.dumps({"torch": torch.__version__, "diversity": list(diversity_cases(source)),
                      "blur": list(blur_cases(source)),
                      "diffusion": list(diffusion_cases(source))}, separators=(",", ":"))
          .replace("},{", "},\n{"))
