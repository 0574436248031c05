"""Charts as the server draws them: from numbers to shapes, from shapes to SVG without scripts, styles or inputs."""
