"""What AMD's tools said of trials, kept beside them and used to correct estimates."""

from .corrected import corrected_study, read_evaluations
from .measured import Measured, read_measured
from .record import SynthesisRecord, measured_of, read_records, write_record

__all__ = [
    "Measured",
    "SynthesisRecord",
    "corrected_study",
    "measured_of",
    "read_evaluations",
    "read_measured",
    "read_records",
    "write_record",
]
