"""Where a request's JSON stops to fit, in the words and columns of serde_json and serde's derive.

Bodies that fit are read by msgspec and never come here.

    shapes   fields of a body against its kind ─► text (values, in order) ─► cursor (characters)
"""
