"""Writes small images of 37x23 pixels whose headers keep the size in different places.

    python sizes.py            (Pillow 12)
"""

import random
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
random.seed(1)
photo = Image.frombytes("RGB", (5, 4), random.randbytes(60)).resize((37, 23), Image.BICUBIC)
turned = Image.Exif()
turned[0x0112] = 6

photo.save(HERE / "baseline.jpg")
photo.save(HERE / "progressive.jpg", progressive=True, comment=b"\xff\xc0 in a comment")
photo.save(HERE / "turned.jpg", exif=turned)
photo.convert("CMYK").save(HERE / "cmyk.jpg")
photo.save(HERE / "lossy.webp")
photo.save(HERE / "lossless.webp", lossless=True)
photo.convert("RGBA").save(HERE / "extended.webp", exif=turned)
photo.convert("P").save(HERE / "palette.png")
photo.convert("L").save(HERE / "grey.png")
photo.save(HERE / "plain.bmp")
