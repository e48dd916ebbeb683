"""What a trial is: its evaluation, what is optimised and limited, the front of several."""

__all__: list[str] = []
