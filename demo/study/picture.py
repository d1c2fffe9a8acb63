"""A plot as a PNG of few colours, with nothing but numpy and zlib."""
import struct
import zlib

import numpy

COLOURS = [(31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 190, 207), (90, 90, 90)]


class Picture:
    """White, `wide` by `high` pixels."""

    def __init__(self, wide, high):
        self.pixels = numpy.full((high, wide, 3), 255, numpy.uint8)

    def line(self, xs, ys, colour):
        """Joins points by straight lines of one pixel."""
        for x0, y0, x1, y1 in zip(xs[:-1], ys[:-1], xs[1:], ys[1:]):
            steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
            at = numpy.linspace(0, 1, steps + 1)
            self.pixels[numpy.rint(y0 + (y1 - y0) * at).astype(int), numpy.rint(x0 + (x1 - x0) * at).astype(int)] = colour

    def frame(self, left, top, wide, high):
        """Draws a box."""
        right, bottom = left + wide - 1, top + high - 1
        self.line([left, right, right, left, left], [top, top, bottom, bottom, top], (160, 160, 160))

    def png(self):
        """The bytes of the file."""
        high, wide, _ = self.pixels.shape
        rows = b"".join(b"\0" + row.tobytes() for row in self.pixels)
        parts = (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts)


def curves(panels):
    """A box for each curve of falling positive numbers, a row of boxes for each panel, all on one logarithmic scale."""
    wide, high, edge = 120, 90, 10
    across = max(len(panel) for panel in panels)
    picture = Picture(edge + across * (wide + edge), edge + len(panels) * (high + edge))
    logs = [[numpy.log10(numpy.maximum(curve, 1e-6)) for curve in panel] for panel in panels]
    least, most = min(c.min() for p in logs for c in p), max(c.max() for p in logs for c in p)
    for row, panel in enumerate(logs):
        for column, (curve, colour) in enumerate(zip(panel, COLOURS)):
            left, top = edge + column * (wide + edge), edge + row * (high + edge)
            picture.frame(left, top, wide, high)
            xs = left + numpy.linspace(1, wide - 2, len(curve))
            ys = top + 1 + (most - curve) / (most - least or 1) * (high - 3)
            picture.line(xs, ys, colour)
    return picture.png()
