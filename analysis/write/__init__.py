"""What commands share when they write and print: formats, phrases, the folder, the terminal.

May import `analysis.sweep`.
"""
