"""When a model is trained anew, on what, and a record of why it was or was not."""
