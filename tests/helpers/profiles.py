"""Colour profiles, made byte by byte."""

import struct

import numpy as np

ADOBE = np.array(  # an RGB space wider than sRGB: XYZ (D50) of its primaries
    [
        [0.60974, 0.20528, 0.14919],
        [0.31111, 0.62567, 0.06322],
        [0.01947, 0.06087, 0.74457],
    ]
)


SRGB = np.array(
    [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.7141],
    ]
)


def fixed(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))


def make_profile(space, pcs, tags):
    """An ICC version 2 profile of these tags."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02100000, b"mntr",
                         space, pcs)  # fmt: skip
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + body


def curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def wide_profile():
    xyz = {name: b"XYZ " + bytes(4) + fixed(*ADOBE[:, k])
           for k, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}  # fmt: skip
    white = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(2.19921875))
    return make_profile(b"RGB ", b"XYZ ", white | xyz | curves)


def grey_profile(gamma):
    white = b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)
    return make_profile(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": curve(gamma)})


def cmyk_profile():
    """A press on which every ink but black is invisible."""
    ramp = bytes(range(256))
    # Two grid points an ink, black the fastest; 8-bit Lab, a = b = 0 at 128.
    table = b"".join(bytes([255 * (1 - k % 2), 128, 128]) for k in range(16))
    lut = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return make_profile(b"CMYK", b"Lab ", {b"A2B0": lut + ramp * 4 + table + ramp * 3})
