"""Makes `fixtures/`: images and recordings, and what Pillow, ffmpeg and torchaudio make of them.

python make_fixtures.py     with Pillow 13.0.0, NumPy 2.4.6, ffmpeg 5.1.9 and torchaudio 2.11.0
"""
import itertools
import pathlib
import subprocess

import numpy as np
from PIL import Image, ImageOps

FOLDER = pathlib.Path(__file__).parent / "fixtures"
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MODES = {
    "fit": lambda image, size, method: ImageOps.pad(image, size, method),
    "fill": lambda image, size, method: ImageOps.fit(image, size, method),
    "stretch": lambda image, size, method: image.resize(size, method),
}


def scene(width, height):
    """Slopes, an edge, and a little noise: what resizing and chroma subsampling may get wrong."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.RandomState(0).randint(-6, 7, (height, width, 3))
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = np.where((x - width / 2) ** 2 + (y - height / 3) ** 2 < (height / 4) ** 2, 230, 40)
    return np.clip(np.stack([red, green, blue], -1) + noise, 0, 255).astype(np.uint8)


def save(name, data):
    (FOLDER / name).write_bytes(np.ascontiguousarray(data).tobytes())


def upright(path, mode):
    return ImageOps.exif_transpose(Image.open(path)).convert(mode)


def images():
    colours = Image.fromarray(scene(31, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    saved = {
        "444.jpg": (colours, dict(quality=90, subsampling=0)),
        "420.jpg": (colours, dict(quality=85, subsampling=2)),
        "422.jpg": (colours, dict(quality=85, subsampling=1)),
        "progressive.jpg": (colours, dict(quality=85, progressive=True, subsampling=2)),
        "grey.jpg": (colours.convert("L"), dict(quality=90)),
        "turned.jpg": (colours, dict(quality=90, subsampling=0, exif=exif)),
        "cmyk.jpg": (colours.convert("CMYK"), dict(quality=90)),
        "rgb.png": (colours, {}),
        "rgba.png": (colours.convert("RGBA"), {}),
        "palette.png": (colours.quantize(16), {}),
        "grey.png": (colours.convert("L"), {}),
        "bits.png": (colours.convert("1"), {}),
        "turned.png": (colours, dict(exif=exif)),
    }
    for name, (image, options) in saved.items():
        image.save(FOLDER / name, **options)
        save(f"{name}.rgb", upright(FOLDER / name, "RGB"))
        save(f"{name}.grey", upright(FOLDER / name, "L"))
    for (mode, make), (filter, method) in itertools.product(MODES.items(), FILTERS.items()):
        for size in [(12, 12), (45, 25)]:
            save(f"{mode}-{filter}-{size[0]}x{size[1]}.rgb", make(colours, size, method))


def sounds():
    """A chirp and its half as the second channel; expected is what ffmpeg decodes."""
    rate, seconds = 8000, 0.15
    t = np.arange(int(rate * seconds)) / rate
    chirp = 0.6 * np.sin(2 * np.pi * (200 + 1500 * t) * t)
    wave = np.stack([chirp, 0.5 * chirp], -1)
    raw = (wave * 32767).astype("<i2").tobytes()
    source = ["-f", "s16le", "-ar", str(rate), "-ac", "2", "-i", "pipe:"]
    for name, codec in {
        "chirp.flac": ["-c:a", "flac"],
        "chirp.mp3": ["-c:a", "libmp3lame", "-b:a", "64k", "-ar", "16000"],
        "chirp.ogg": ["-c:a", "libvorbis", "-q:a", "3"],
    }.items():
        quiet = ["ffmpeg", "-v", "error", "-y", "-fflags", "+bitexact"]
        subprocess.run([*quiet, *source, *codec, "-flags", "+bitexact", "-fflags", "+bitexact", str(FOLDER / name)], input=raw, check=True)
        decoded = subprocess.run([*quiet, "-i", str(FOLDER / name), "-f", "f32le", "pipe:"], capture_output=True, check=True)
        samples = np.frombuffer(decoded.stdout, "<f4").reshape(-1, 2)
        if name.endswith(".ogg"):
            samples = samples[: len(wave)]  # ffmpeg 5.1 leaves the padding of the last block of Vorbis on
        save(f"{name}.f32", samples.T)  # [channels, frames]


def resampled():
    """The chirp of 8 kHz at a higher and a lower rate, and at one whose divisor is 1: [channels, frames]."""
    import torch
    from torchaudio.functional import resample

    chirp = torch.from_numpy(np.fromfile(FOLDER / "chirp.flac.f32", "<f4").reshape(2, -1).astype(np.float64))
    best = dict(
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )
    for rate in (11025, 3000, 4999):
        save(f"chirp.{rate}.f32", resample(chirp, 8000, rate, **best).numpy().astype("<f4"))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    images()
    sounds()
    resampled()
