"""Files of products of other shops: from bytes to rows of products, or to refusals with row, column and remedy.

A file is read twice: `survey` decides everything that concerns the whole of it (encoding, delimiter, columns, decimal
sign), `reading.rows` then reads row by row. Neither holds more than one row.
"""
