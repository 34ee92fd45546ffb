"""Pictures of classical networks: maps, graphs of units, prototypes, memories, kernels, machines of energy."""
