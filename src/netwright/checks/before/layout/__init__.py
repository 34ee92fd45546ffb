"""Questions to how numbers lie: a layer gets them in the order of the axes that it reads them in."""
