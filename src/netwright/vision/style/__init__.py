"""Style transfer: pictures with the content of one image and the style of another."""
