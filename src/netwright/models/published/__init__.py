"""Reading what others published: tensors from files, names, layouts; `netwright.models.load_weights` uses it."""
