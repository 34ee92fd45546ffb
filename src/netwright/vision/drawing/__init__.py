"""Drawing: boxes on images, with labels that can be read, as pixels or as SVG."""
