"""How a running Posthouse is watched: figures for Prometheus, and its health with the reasons."""
