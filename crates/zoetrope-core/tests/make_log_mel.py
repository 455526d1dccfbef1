"""Makes fixtures/audio/log_mel.safetensors: recordings and their log-mel frames, by NumPy alone, in float64.

    python crates/zoetrope-core/tests/make_log_mel.py            # writes the fixture
    python crates/zoetrope-core/tests/make_log_mel.py --librosa  # compares with librosa, where it is installed

The formulas are those of librosa's defaults: `stft(center=True, pad_mode='constant', window='hann')`, power 2,
`filters.mel(htk=False, norm='slaney')`, then ln(max(floor, ·)). PyTorch is used only to write the file.
"""

import json
import pathlib
import sys

import numpy as np

CASES = {
    "speech": dict(channels=1, frames=2000, rate=8000, fft=256, hop=80, mels=40, low=0.0, high=4000.0),
    "stereo": dict(channels=2, frames=3001, rate=16000, fft=512, hop=200, mels=23, low=60.0, high=7000.0),
    "short": dict(channels=1, frames=11, rate=8000, fft=64, hop=16, mels=12, low=0.0, high=4000.0),
}
FLOOR = 1e-10


def hz_to_mel(hz):
    hz = np.asarray(hz, dtype=np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1e-9) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def filter_bank(rate, fft, mels, low, high):
    """[mels, fft // 2 + 1]"""
    corners = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), mels + 2))
    bins = np.arange(fft // 2 + 1) * rate / fft
    rising = (bins - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - bins) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (corners[2:] - corners[:-2]))[:, None]


def log_mel(recording, rate, fft, hop, mels, low, high):
    """[channels, frames] → [time, mels]"""
    mono = np.pad(recording.astype(np.float64).mean(0), fft // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft) / fft)
    starts = range(0, 1 + (len(mono) - fft) // hop * hop, hop)
    power = np.array([np.abs(np.fft.rfft(mono[start : start + fft] * window)) ** 2 for start in starts])
    return np.log(np.maximum(FLOOR, power @ filter_bank(rate, fft, mels, low, high).T))


def recordings():
    random = np.random.RandomState(0)
    for name, case in CASES.items():
        seconds = np.arange(case["frames"]) / case["rate"]
        tone = 0.3 * np.sin(2 * np.pi * (300 + 4000 * seconds) * seconds)
        noise = 0.05 * random.standard_normal((case["channels"], case["frames"]))
        yield name, case, (tone + noise).astype(np.float32)


def settings(case):
    return {key: case[key] for key in ("rate", "fft", "hop", "mels", "low", "high")}


def main():
    if "--librosa" in sys.argv:
        import librosa

        for name, case, recording in recordings():
            mel = librosa.feature.melspectrogram(
                y=recording.mean(0), sr=case["rate"], n_fft=case["fft"], hop_length=case["hop"], n_mels=case["mels"],
                fmin=case["low"], fmax=case["high"],
            )  # fmt: skip
            theirs = np.log(np.maximum(FLOOR, mel)).T
            ours = log_mel(recording, **settings(case))
            print(name, ours.shape, "largest difference", np.abs(ours - theirs).max())
        return

    import torch

    import safetensors_file

    tensors = {}
    for name, case, recording in recordings():
        tensors[f"{name}.recording"] = torch.from_numpy(recording)
        tensors[f"{name}.frames"] = torch.from_numpy(log_mel(recording, **settings(case)).astype(np.float32))
    path = pathlib.Path(__file__).parent / "fixtures" / "audio" / "log_mel.safetensors"
    safetensors_file.write(path, tensors, {"cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()
