"""Centers: a small anchor-free dense detector, as a package of its own would bring it."""
