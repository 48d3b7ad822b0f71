"""TIFF files with an alpha channel, and their colours as Pillow has them.

    pip install pillow numpy
    python image_golden.py

writes, beside itself, NAME.tif and NAME.png, the same in RGB, and files of other kinds.
"""

import os

import numpy
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
EXTRA_SAMPLES = b"\x52\x01\x03\x00\x01\x00\x00\x00"


def pixels():
    y, x = numpy.mgrid[0:4, 0:6]
    alpha = numpy.array([0, 1, 128, 255])[y]
    return numpy.stack([40 * x, 60 * y, 200 - 10 * x, alpha], axis=-1).astype(numpy.uint8)


def write(name, image, multiplied=False, **options):
    path = os.path.join(HERE, name + ".tif")
    image.save(path, **options)
    if multiplied:
        # Pillow writes alpha as unassociated only; the tag alone says which it is.
        data = open(path, "rb").read()
        at = data.index(EXTRA_SAMPLES) + len(EXTRA_SAMPLES)
        with open(path, "wb") as file:
            file.write(data[:at] + b"\x01" + data[at + 1 :])
    Image.open(path).convert("RGB").save(os.path.join(HERE, name + ".png"))


rgba = Image.fromarray(pixels(), "RGBA")
write("rgba", rgba)
write("rgba-deflate", rgba, compression="tiff_deflate")
write("grey-alpha", rgba.convert("LA"))
premultiplied = pixels()
premultiplied[..., :3] = premultiplied[..., :3].astype(int) * premultiplied[..., 3:] // 255
write("rgba-multiplied", Image.fromarray(premultiplied, "RGBA"), multiplied=True)
write("rgb", rgba.convert("RGB"))
write("cmyk", rgba.convert("RGB").convert("CMYK"))
write("palette", rgba.convert("RGB").quantize(8))
write("one-bit", rgba.convert("1"))
for ending in ("webp", "gif", "bmp", "ppm"):
    rgba.convert("RGB").save(os.path.join(HERE, "sample." + ending))
rgba.convert("RGB").save(os.path.join(HERE, "lossless.webp"), lossless=True)
rgba.save(os.path.join(HERE, "alpha.webp"))
