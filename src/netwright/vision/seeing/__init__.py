"""Pictures of what a network for images looks at: saliency, Grad-CAM, an image that a class likes."""
