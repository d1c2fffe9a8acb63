"""A forward pass of a small Llama that reads bytes, in numpy: enough to look at its residual stream.

It needs the weights and no other file. What they do not say of themselves stands here, as it is known of minim-1.
"""
import numpy

import narthex_safetensors

HEADS = 5
CONTEXT = 256  # bytes
ROPE_THETA = 10000.0  # of interleaved pairs
NORM_EPS = 1e-5


class Llama:
    """One checkpoint: its `tensors` as they stand in its folder."""

    def __init__(self, folder):
        self.tensors = narthex_safetensors.load(f"{folder}/model.safetensors")
        self.layers = len({name.split(".")[1] for name in self.tensors if name.startswith("layers.")})
        vocabulary, hidden = self.tensors["embed.weight"].shape
        if vocabulary != 256 or hidden % (2 * HEADS):
            raise SystemExit(f"this study reads llamas of bytes with {HEADS} heads only")
        self.size = hidden // HEADS
        half = self.size // 2
        angles = numpy.outer(numpy.arange(CONTEXT), ROPE_THETA ** (-numpy.arange(half) / half))
        self.cos, self.sin = numpy.cos(angles).astype("f4"), numpy.sin(angles).astype("f4")

    def matrices(self, layer):
        """The matrices of a layer by their short names, in order."""
        prefix, suffix = f"layers.{layer}.", ".weight"
        names = sorted(n for n, t in self.tensors.items() if n.startswith(prefix) and t.ndim == 2)
        return {n[len(prefix):-len(suffix)]: self.tensors[n] for n in names}

    def read(self, tokens, past=None):
        """Reads tokens, [texts, length], behind what `past` holds.

        Gives the residual stream after each layer at the last position, [layers, texts, hidden], and a new past.
        """
        begin = past[0][0].shape[2] if past else 0
        at = numpy.arange(begin, begin + tokens.shape[1])
        ahead = numpy.arange(begin + tokens.shape[1]) > at[:, None]
        x, residuals, kept = self.tensors["embed.weight"][tokens], [], []
        for layer in range(self.layers):
            weight = lambda name: self.tensors[f"layers.{layer}.{name}.weight"]
            y = self._norm(x, weight("attention_norm"))
            q, k, v = (self._split(y @ weight(name).T) for name in "qkv")
            q, k = self._turn(q, at), self._turn(k, at)
            if past:
                k, v = (numpy.concatenate(pair, 2) for pair in zip(past[layer], (k, v)))
            kept.append((k, v))
            scores = q @ k.swapaxes(2, 3) / numpy.float32(self.size ** 0.5)
            scores[..., ahead] = -numpy.inf
            mixed = (softmax(scores) @ v).swapaxes(1, 2).reshape(x.shape)
            x = x + mixed @ weight("o").T
            y = self._norm(x, weight("mlp_norm"))
            gate = y @ weight("gate").T
            x = x + (gate / (1 + numpy.exp(-gate)) * (y @ weight("up").T)) @ weight("down").T
            residuals.append(x[:, -1])
        return numpy.stack(residuals), kept

    def next(self, residual):
        """The probabilities of the next byte, read off a residual stream by the model's last norm and head."""
        return softmax(self._norm(residual, self.tensors["norm.weight"]) @ self.tensors["head.weight"].T)

    def promoted(self, direction, count):
        """The bytes that a direction of the residual stream makes more likely, most first."""
        return numpy.argsort(-(self.tensors["head.weight"] @ (direction * self.tensors["norm.weight"])), kind="stable")[:count]

    def greedy(self, residual, past, count, change=lambda residual: residual):
        """The most likely bytes, one after the other, of each text; change is applied to the last layer's residual stream."""
        said = []
        for _ in range(count):
            said.append(self.next(change(residual[-1])).argmax(-1))
            residual, past = self.read(said[-1][:, None], past)
        return [bytes(text) for text in numpy.stack(said, 1).tolist()]

    def _norm(self, x, weight):
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + numpy.float32(NORM_EPS)) * weight

    def _split(self, x):
        return x.reshape(*x.shape[:2], HEADS, self.size).swapaxes(1, 2)

    def _turn(self, x, at):
        cos, sin = self.cos[at], self.sin[at]
        even, odd = x[..., 0::2], x[..., 1::2]
        return numpy.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)


def softmax(x):
    """Along the last axis."""
    e = numpy.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
