"""What may be told of an exception that nobody expected: its kind and its place."""


def place(error: BaseException) -> str:
    """File and line. A traceback's values could hold what a tool or a person said, or a credential."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "?"
