"""Plain forward passes that cost less: many queries of one detector without gradients, as perturbation methods make.

What such a query takes is memory more than arithmetic: batch normalisation is a pass of its own over every map, and
PyTorch's 3x3 convolutions on the CPU multiply more than they must. So a copy of the network is made in which each batch
normalisation is a part of the convolution before it (``folding``), maps are stored channels last, and 3x3 convolutions
of many channels go by Winograd's tiles (``convolution``). Its numbers are those of the network up to rounding. On a GPU
its parts can be recorded and replayed as CUDA graphs (``graphs``), where that is asked for.

Nothing is taken on trust: before a series of queries the copy and the network answer about one picture, and the copy is
used only if their scores agree to 1e-5 (``fast``). The network itself is never changed. Its weights are looked at when
a series begins, and by a cache of answers, which may live long, before each of its requests.
"""

from detxai_nb.passes.fast import FAST as FAST
from detxai_nb.passes.fast import PLAIN as PLAIN
from detxai_nb.passes.fast import FastPasses as FastPasses
