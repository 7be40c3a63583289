"""One self-contained HTML page about a sweep: `story` orders it, `page` renders it.

The page needs no network: pictures, styles, scripts and the weights of its latent explorer are in
it. Its template, style and scripts stand beside the code.
"""
