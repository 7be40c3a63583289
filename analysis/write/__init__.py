"""What tables, figures and the report share when they are written: formats, phrases, the folder.

May import `analysis.sweep`.
"""
