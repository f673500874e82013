"""Exact gradients of many scalars at once on the CPU: vector-Jacobian products in batches over a recorded graph.

``torch.autograd.grad`` takes one scalar at a time. What it does at each operation is linear in the gradient that comes
in, with factors that depend on the picture alone. Here the graph that autograd has recorded is followed once for many
gradients: the factors are made once for a picture, linear layers become one matrix product for all rows of all
gradients, batch normalisation is folded into the kernels before it, 3x3 convolutions go by Winograd's tiles
(``detxai_nb.winograd``), and 1x1 convolutions above an upsampling work on the coarser grid. All of these are
identities; nothing is left out. An operation without a rule here is computed by autograd's own node, one gradient at a
time.
"""

from detxai_nb.vjp.products import BatchedProducts as BatchedProducts
from detxai_nb.vjp.recorded import Unsupported as Unsupported
