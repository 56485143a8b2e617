"""Numbers that are not sRGB by what a file says of them without a colour profile."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnst.images.opening import PathLike
from jaxnst.images.png import Encoding
from jaxnst.images.resampling import decode_srgb, encode_srgb

# x and y of white, red, green, blue.
_D65 = 0.3127, 0.3290
_BT709 = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)

# By the code points of ITU-T H.273.
_PRIMARIES = {
    1: _BT709,
    2: _BT709,  # unspecified
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_SRGB, _UNSPECIFIED, _PQ, _HLG = 13, 2, 16, 18
_VIDEO = (1, 6, 14, 15)  # BT.709 and its kin

_WHITE_NITS = 203.0  # of what is white and no highlight, ITU-R BT.2408

_USUAL_GAMMA = 1 / 2.2


def srgb_from(
    encoding: Encoding, path: PathLike, remarks: list[str]
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes (..., 3) in [0, 1] of such an encoding sRGB in float32; None where it
    is that, or unknown, which is remarked on."""
    linear = _to_linear(encoding)
    primaries = encoding.chromaticities or _BT709
    if encoding.primaries is not None:
        primaries = _PRIMARIES.get(encoding.primaries, ())
    matrix = _to_bt709(primaries)
    if linear is None or matrix is None:
        remarks.append(
            f"{path}: it says that its colours are of a kind unknown here; they are "
            "taken for sRGB"
        )
        return None
    if linear is decode_srgb and np.allclose(matrix, np.eye(3), atol=2e-3):
        return None
    if encoding.transfer in (_PQ, _HLG):
        remarks.append(
            f"{path}: it is an HDR picture; what is brighter than white is cut off"
        )
    function, rows = linear, matrix.T.astype(np.float32)

    def convert(color: np.ndarray) -> np.ndarray:
        light = np.asarray(function(color), np.float32) @ rows
        return encode_srgb(np.clip(light, 0, 1))

    return convert


def encoding_of_nclx(said: dict[str, Any] | None) -> Encoding | None:
    """What HEIC says of its colours. Curves of video stand there for sRGB's: so every
    program shows them, and so cameras mean them."""
    if not said:
        return None
    transfer = said.get("transfer_characteristics", _SRGB)
    return Encoding(
        primaries=said.get("color_primaries", 1),
        transfer=_SRGB if transfer in _VIDEO else transfer,
    )


def _to_linear(encoding: Encoding) -> Callable[[np.ndarray], np.ndarray] | None:
    """From the numbers to linear light, 1 being white; None where that is unknown."""
    transfer = encoding.transfer
    if transfer is None:
        gamma = encoding.gamma
        # Rounded or not, 1 / 2.2 is what programs write for sRGB.
        if gamma is None or abs(gamma / _USUAL_GAMMA - 1) < 0.02:
            return decode_srgb
        return _power(1 / gamma) if 0.1 < gamma < 10 else None
    if transfer in _GAMMAS:
        return _power(_GAMMAS[transfer])
    if transfer in (_SRGB, _UNSPECIFIED):
        return decode_srgb
    if transfer in _VIDEO:
        return _from_video
    return {_PQ: _from_pq, _HLG: _from_hlg}.get(transfer)


def _power(exponent: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda color: color**exponent


def _from_video(color: np.ndarray) -> np.ndarray:
    """ITU-R BT.709."""
    return np.where(color < 0.081, color / 4.5, ((color + 0.099) / 1.099) ** (1 / 0.45))


def _from_pq(color: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, absolute: 1 is 10,000 nits."""
    root = color.astype(np.float64) ** (1 / 78.84375)
    ratio = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return ratio ** (1 / 0.1593017578125) * (10_000 / _WHITE_NITS)


def _from_hlg(color: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100 HLG: 0.75 is white, 1 twelve times the light of 0.5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.where(color <= 0.5, color**2 / 3, (np.exp((color - c) / a) + b) / 12)
    white = (np.exp((0.75 - c) / a) + b) / 12
    return light / white


def _to_bt709(primaries: tuple[float, ...]) -> np.ndarray | None:
    """(3, 3): linear RGB of some primaries to that of sRGB; white stays white."""
    if len(primaries) != 8:
        return None
    try:
        matrix = np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(primaries)
    except np.linalg.LinAlgError:
        return None
    # Each its own white, as relative colorimetric conversion does, without adaptation.
    matrix = matrix / matrix.sum(1, keepdims=True)
    return matrix if np.isfinite(matrix).all() and np.abs(matrix).max() < 10 else None


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """(3, 3): linear RGB to CIE XYZ."""
    xy = np.array(primaries).reshape(4, 2)
    if not (xy[:, 1] > 0).all():
        raise np.linalg.LinAlgError("a chromaticity on the axis")
    white, *colors = np.column_stack([xy, 1 - xy.sum(1)]) / xy[:, 1:]
    columns = np.stack(colors, 1)
    return columns * np.linalg.solve(columns, white)
