"""Layer-wise relevance propagation through any network whose functions have a rule.

``tape`` runs the network once and notes each function that is called on what comes from its input, with the values it
was called on: no hook changes anything, and no weight is touched. ``rules`` says for each function how the relevance of
its output is divided among its inputs. ``propagate`` goes back along the tape.
"""
