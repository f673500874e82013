"""What all widgets share: the widget base, worker thread, options, inputs, generated code and serialization."""
