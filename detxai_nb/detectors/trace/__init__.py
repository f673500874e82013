"""One forward pass kept open: the slow, exact base every family can start from, and the memory budget of gradients."""
